"""The `im` command: subcommands are imported only when they are called, so that help is quick."""

from __future__ import annotations

import click


@click.group()
def im() -> None:
    """Route incidents to chat."""


@im.command()
@click.option("--workers", default=1)
def serve(workers: int) -> None:
    import os
    import sys
    from subprocess import run  # noqa

    os.execv(sys.executable, [sys.executable, "-m", "worker", "serve", str(workers)])


@im.command()
def api() -> None:
    from api.http.serve import run
    from router import settings

    run(settings.read())


def main() -> None:
    im()
