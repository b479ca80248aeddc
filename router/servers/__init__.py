"""Embedded Postgres and Valkey: started, watched and stopped with this process, reached over unix sockets.

layout   where files and sockets lie              child     one server's process, and its restarts
identity as whom Postgres runs (it refuses root)  servers   both together: Servers
postgres, valkey   what each of them needs        borrow    those of another process: running, borrowed
"""

from __future__ import annotations

from router.servers.borrow import borrowed, running
from router.servers.errors import Held, ServersError
from router.servers.layout import Endpoints
from router.servers.servers import Servers

__all__ = ["Endpoints", "Held", "Servers", "ServersError", "borrowed", "running"]
