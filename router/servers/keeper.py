"""The process that owns the servers while commands use them (see borrow.py); commands start it.

`python -m router.servers.keeper DATA_DIR [postgres] [valkey]` goes to the background at once, writes `ready`
or why not to its standard output, closes that, and ends when nobody uses the servers.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

from router.servers.borrow import READY, running
from router.servers.errors import Held, ServersError
from router.servers.servers import Servers

_PAUSE = 0.02  # seconds between two looks whether it is still needed
_HELD_SECONDS = 60.0


def main(arguments: list[str]) -> None:
    """Keep the servers for as long as they are used."""
    if os.fork() != 0:
        os._exit(0)  # whoever asked has no child to wait for
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    data_dir, *wanted = arguments
    servers = Servers(
        Path(data_dir), postgres="postgres" in wanted, valkey="valkey" in wanted, for_command=True
    )
    try:
        _report(_start(servers, Path(data_dir)))
        while not servers.unused():
            servers.check()
            time.sleep(_PAUSE)
    finally:
        servers.stop()


def _start(servers: Servers, data_dir: Path) -> str:
    """Start them, unless somebody else does; the word for the command that waits."""
    deadline = time.monotonic() + _HELD_SECONDS
    while True:
        try:
            servers.start()
        except Held as held:
            if running(data_dir):
                return READY
            if time.monotonic() > deadline:
                return str(held)
            time.sleep(_PAUSE)
        except ServersError as error:
            return str(error)
        else:
            return READY


def _report(word: str) -> None:
    """Say it, and hold the command's pipe no longer."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    main(sys.argv[1:])
