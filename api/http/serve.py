"""The API role: uvicorn with uvloop and httptools over the application."""

from __future__ import annotations

import asyncio

import uvicorn
import uvloop

from api.http.app import create_app
from api.http.context import context
from router import log
from router.installation import prepare
from router.process import settle
from router.settings import Settings


def run(settings: Settings) -> None:
    """Bring the store up to date, then serve until SIGTERM. Raises StoreError and RuleFilesError."""
    log.configure(debug=settings.debug)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    await prepare(settings)
    async with context(settings) as built:
        config = uvicorn.Config(
            create_app(built),
            host=settings.bind,
            port=settings.port,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=10,
            backlog=2048,
        )
        settle()
        await uvicorn.Server(config).serve()
