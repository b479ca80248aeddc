"""`im help` and `im completion`."""

from __future__ import annotations

import click

from api.cli.errors import CliError

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_IM_COMPLETE"


@click.command("help")
@click.argument("command", nargs=-1)
@click.pass_context
def help_command(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Help on im, or on a command.

    \b
    Example:
      im help chatops add
    """
    root = ctx.find_root()
    shown, found = (
        click.Context(root.command, info_name="im", help_option_names=ctx.help_option_names),
        root.command,
    )
    for name in command:
        if not isinstance(found, click.Group):
            raise CliError(
                f"`{shown.command_path}` has no commands below it; see `{shown.command_path} --help`"
            )
        _, below, _ = found.resolve_command(shown, [name])
        assert below is not None
        shown, found = click.Context(below, info_name=below.name, parent=shown), below
    click.echo(found.get_help(shown))


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      im completion bash > ~/.local/share/bash-completion/completions/im
      im completion zsh > "${fpath[1]}/_im"
      im completion fish > ~/.config/fish/completions/im.fish
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(ctx.find_root().command, {}, "im", _VARIABLE)
    # Not made.source(): for bash that runs bash to ask its version, which need not be here.
    click.echo(made.source_template % made.source_vars())
