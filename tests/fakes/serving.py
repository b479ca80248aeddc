"""uvicorn in tests: as in production, but it stops when it is told to, not some tenths of a second later."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any, Final

import uvicorn

_GRACE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.002


class Server(uvicorn.Server):
    """A server without lifespan. `stop` may be called from any thread; what waits for `stopping` ends too."""

    def __init__(self, app: Any, **config: Any) -> None:
        super().__init__(uvicorn.Config(app, lifespan="off", log_level="error", access_log=False, **config))
        self.stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Begin to stop; running answers get a second."""
        self.should_exit = True
        if self._loop:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self.stopping.set)

    async def hold(self, seconds: float) -> None:
        """Sleep, but no longer than the server runs."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            await self.hold(1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _GRACE_SECONDS
        while (state.connections or state.tasks) and time.monotonic() < deadline:  # noqa: ASYNC110  uvicorn's sets
            await asyncio.sleep(_LOOK_SECONDS)
        for task in state.tasks:
            task.cancel()
