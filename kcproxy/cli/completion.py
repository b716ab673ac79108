"""``kcproxy completion``: prints the script with which a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class

from kcproxy.cli.exit_codes import CONTEXT, epilog
from kcproxy.cli.terminal import program

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion", epilog=epilog(), context_settings=CONTEXT)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  kcproxy completion bash > ~/.local/share/bash-completion/completions/kcproxy
    zsh:   kcproxy completion zsh > "${fpath[1]}/_kcproxy"
    fish:  kcproxy completion fish > ~/.config/fish/completions/kcproxy.fish
    """  # noqa: D301 - click wants the control character
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}")
    program(found(ctx.find_root().command, {}, "kcproxy", "_KCPROXY_COMPLETE").source())
