"""Where the embedded servers keep their files and sockets, and how clients address them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

# unix(4) on macOS: sun_path holds 104 bytes with the closing NUL; Linux has 108 (unix(7)).
SOCKET_PATH_MAX = 103
# Postgres names its socket after a port even where it listens on none.
POSTGRES_PORT = 5432
_POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"
_VALKEY_SOCKET = "valkey.sock"
_FALLBACK_TEMP = "/tmp"  # noqa: S108 -- only a private folder inside it is used
# What stands in a URL and in Postgres' list of socket folders without quoting.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+=-]+\Z")


class Endpoints(msgspec.Struct, frozen=True):
    """How clients reach the servers; "" for one that is not embedded.

    `database_url` is for psycopg (libpq), `redis_url` for redis-py (`unix://` and a path).
    """

    database_url: str
    redis_url: str

    @property
    def postgres_socket(self) -> Path | None:
        """The socket behind `database_url`."""
        hosts = parse_qs(urlsplit(self.database_url).query).get("host")
        return Path(hosts[0]) / _POSTGRES_SOCKET if hosts else None

    @property
    def valkey_socket(self) -> Path | None:
        """The socket behind `redis_url`."""
        return Path(urlsplit(self.redis_url).path) if self.redis_url else None


class Layout(msgspec.Struct, frozen=True):
    """The files of one data folder; `name` tells its processes from those of another."""

    root: Path
    sockets: Path
    name: str

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def owner_lock(self) -> Path:
        return self.root / "servers.lock"

    @property
    def users_lock(self) -> Path:
        return self.root / "servers.users"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / _POSTGRES_SOCKET

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / _VALKEY_SOCKET

    def endpoints(self, *, postgres: bool, valkey: bool) -> Endpoints:
        """The addresses of the servers that are embedded here."""
        query = f"host={self.sockets}&port={POSTGRES_PORT}&user=im"
        return Endpoints(
            database_url=f"postgresql:///im?{query}" if postgres else "",
            redis_url=f"unix://{self.valkey_socket}" if valkey else "",
        )


def layout_of(data_dir: Path) -> Layout:
    """Say where everything of `data_dir` lies; touches nothing."""
    root = data_dir.expanduser().absolute().resolve()
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return Layout(root=root, sockets=_socket_folder(root, digest), name=f"im-{digest}")


def _socket_folder(root: Path, digest: str) -> Path:
    """`run` in the data folder, else a private folder under the temp one, for a path a socket cannot have."""
    private = f"im-{os.geteuid()}-{digest}"
    choices = [root / "run", Path(tempfile.gettempdir()).resolve() / private]
    fitting = (folder for folder in choices if _fits(folder))
    return next(fitting, Path(_FALLBACK_TEMP) / private)


def _fits(folder: Path) -> bool:
    longest = os.fsencode(folder / _POSTGRES_SOCKET)
    return len(longest) <= SOCKET_PATH_MAX and _PLAIN_PATH.match(str(folder)) is not None
