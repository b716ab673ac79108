"""``python -m tools.deploy``: write what is generated among the manifests; with ``--check``, only tell whether it is up to date."""

import sys

from tools.deploy.rules import MANIFEST, ROOT, manifest


def main() -> int:
    """0 if all is up to date (now)."""
    text = manifest()
    if "--check" not in sys.argv[1:]:
        MANIFEST.write_text(text, encoding="utf-8")
        return 0
    if MANIFEST.is_file() and MANIFEST.read_text(encoding="utf-8") == text:
        return 0
    print(f"{MANIFEST.relative_to(ROOT)} is not up to date: python -m tools.deploy")
    return 1


if __name__ == "__main__":
    sys.exit(main())
