"""``python -m kcproxy`` is ``kcproxy``."""

from kcproxy.cli.main import main

if __name__ == "__main__":
    main(prog_name="kcproxy")
