"""The `im` command: its table of commands, and how every failure becomes one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from api.cli.errors import FAILED, WRONG_USAGE, CliError
from api.cli.groups import Entry, LazyGroup

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""

_RUN = "Running"
_CHAT = "Chat"
_WORK = "Incidents and rules"
_ADMIN = "Administration"
_HELP = "Help"

COMMANDS: Final = (
    Entry("serve", "api.cli.roles:serve", _RUN, "Serve everything on this machine."),
    Entry("api", "api.cli.roles:api", _RUN, "Serve the HTTP API only."),
    Entry("worker", "api.cli.roles:worker", _RUN, "Send deliveries only."),
    Entry("ticker", "api.cli.roles:ticker", _RUN, "Do what is due only."),
    Entry("gateway", "api.cli.roles:gateway", _RUN, "Hear mentions and reactions over kept connections."),
    Entry("chat", "api.cli.chat:chat", _CHAT, "Talk to the bot here, or run a script of what is said."),
    Entry("chatops", "api.cli.chatops:chatops", _CHAT, "Chat providers: configure, test, write to them."),
    Entry("commands", "api.cli.commands:commands", _CHAT, "Commands of chat, and their settings."),
    Entry("nlu", "api.cli.nlu:nlu", _CHAT, "The language model: train, ask, measure and review it."),
    Entry("templates", "api.cli.templates:templates", _CHAT, "Message templates: list and preview them."),
    Entry("events", "api.cli.events:events", _WORK, "Post lifecycle events."),
    Entry("incidents", "api.cli.incidents:incidents", _WORK, "Incidents: list, show and work them."),
    Entry("timeline", "api.cli.incidents:timeline", _WORK, "What happened, and who did it."),
    Entry("oncall", "api.cli.oncall:oncall", _WORK, "Who is on call, and until when."),
    Entry("catalogue", "api.cli.oncall:catalogue", _WORK, "Teams and services: check and show them."),
    Entry("silences", "api.cli.silences:silences", _WORK, "Mute incidents for a while, and say so."),
    Entry("rules", "api.cli.rules:rules", _WORK, "Routing rules: check, show, explain, reload them."),
    Entry("deliveries", "api.cli.deliveries:deliveries", _WORK, "Receipts: what was sent where, or why not."),
    Entry("doctor", "api.cli.doctor:doctor", _ADMIN, "What is wrong with this installation, and the mend."),
    Entry("config", "api.cli.config:config", _ADMIN, "The effective settings."),
    Entry("users", "api.cli.users:users", _ADMIN, "Accounts of people, their roles and links."),
    Entry("tokens", "api.cli.tokens:tokens", _ADMIN, "Tokens of the API."),
    Entry("sources", "api.cli.sources:sources", _ADMIN, "How the events of each source are read."),
    Entry("secrets", "api.cli.tokens:secrets", _ADMIN, "The key that providers' secrets are sealed with."),
    Entry("help", "api.cli.helping:help_command", _HELP, "Help on a command."),
    Entry("completion", "api.cli.helping:completion", _HELP, "Completion for bash, zsh and fish."),
)

EPILOG: Final = """\b
Commands use the installation on this machine (IM_DATA_DIR, or DATABASE_URL and REDIS_URL);
with IM_URL and IM_TOKEN set, they speak to that server.
Exit codes: 0 done, 1 failed, 2 wrong usage."""


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="im-router", message="im %(version)s")
def im() -> None:
    """Route incidents to chat: rules decide who hears of what, and every message has a receipt.

    \b
    Start here:
      im serve                                  serve on http://127.0.0.1:8000
      im chatops add slack company-slack        add a chat provider
      im chatops test company-slack             test it
    """


def main() -> None:
    """The entry point: exits with the command's code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run `im` with these arguments and return the exit code; never raises, never prints a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = im.main(list(arguments), prog_name="im", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        return _told(error)
    except KeyboardInterrupt:
        return _say("stopped", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> int:
    """Say what an error means and return its code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    if os.environ.get("CHATOPS_DEBUG", "").lower() in ("1", "true", "yes", "on"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    if isinstance(error, click.Abort):
        return _say("stopped", INTERRUPTED)
    if isinstance(error, CliError):
        return _say(str(error), error.code)
    if isinstance(error, click.ClickException):
        return _usage(error)
    # The text of an unforeseen error may hold what must not be shown; its kind does not.
    return _say(
        f"this should not have happened ({type(error).__name__}); CHATOPS_DEBUG=true shows where", FAILED
    )


def _usage(error: click.ClickException) -> int:
    text = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is not None and "`" not in text:
        text = f"{text}; see `{context.command_path} --help`"
    return _say(text[:1].lower() + text[1:], error.exit_code)


def _say(text: str, code: int) -> int:
    click.echo(f"im: {' '.join(text.split())}", err=True)
    return code


def _reader_left() -> int:
    """The reader of our output has ended (`im … | head`); Python must not complain at its own end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return FAILED
