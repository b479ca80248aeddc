"""The roles: `im serve` and its parts, each as the process itself."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from api.cli.errors import CliError

if TYPE_CHECKING:
    from router.settings import Settings


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes.")
def serve(workers: int) -> None:
    """Serve everything on this machine: API, workers, ticker, and the embedded database and queue.

    \b
    Example:
      im serve --workers 2

    Listens on IM_BIND and PORT (http://127.0.0.1:8000); ends in good order on SIGTERM or Ctrl-C.
    """
    _become("serve", str(workers))


@click.command()
def api() -> None:
    """Serve the HTTP API; workers and the ticker run elsewhere.

    \b
    Example:
      DATABASE_URL=… REDIS_URL=… im api
    """
    from api.cli.local import explained  # noqa: PLC0415
    from api.http.serve import run  # noqa: PLC0415

    settings = _settings()
    try:
        with explained():
            run(settings)
    except SystemExit:  # how uvicorn says that it cannot listen
        raise CliError(
            f"{settings.bind} port {settings.port} cannot be used; "
            "end what listens there, or set PORT or IM_BIND"
        ) from None


@click.command()
@click.option("--lanes", default="", help="Only these providers, separated by commas.")
def worker(lanes: str) -> None:
    """Send deliveries; start as many as wanted.

    \b
    Example:
      im worker --lanes company-slack,corp-teams
    """
    _become("worker", *(lane.strip() for lane in lanes.split(",") if lane.strip()))


@click.command()
def ticker() -> None:
    """Sweep, expire and fall back; of several, one at a time does so.

    \b
    Example:
      im ticker
    """
    _become("ticker")


@click.command()
def gateway() -> None:
    """Hear what comes over connections that the bot keeps open: mentions on Discord, reactions.

    Of several, one at a time hears each provider.

    \b
    Example:
      im gateway
    """
    _become("gateway")


def _become(role: str, *arguments: str) -> None:
    """Replace this process, so that signals reach the role itself."""
    from router.settings import ROOT, environment  # noqa: PLC0415

    settings = {} if role == "serve" else environment(_settings())
    environ = {**os.environ, **settings}
    # -P: a folder `worker` where the command is called must not be taken for ours.
    paths = [str(ROOT), *filter(None, [environ.get("PYTHONPATH")])]
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.execve(sys.executable, [sys.executable, "-P", "-m", "worker", role, *arguments], environ)  # noqa: S606


def _settings() -> Settings:
    """The settings with a database and a Redis in them: the environment's, or a running `im serve`'s."""
    import msgspec  # noqa: PLC0415

    from api.cli.session import settings_or_fail  # noqa: PLC0415
    from router.servers import running  # noqa: PLC0415

    settings = settings_or_fail()
    if settings.database_url and settings.redis_url:
        return settings
    found = running(settings.data_dir)
    if found is None:
        raise CliError(
            f"nothing serves from {settings.data_dir}; start `im serve`, or set DATABASE_URL and REDIS_URL"
        )
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or found.database_url,
        redis_url=settings.redis_url or found.redis_url,
    )
