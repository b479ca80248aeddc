"""The embedded servers with real processes: starts, crashes, full disks, borrowers, every identity."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import redis

from router.servers import Endpoints, Held, Servers, ServersError, borrowed, identity, launch, running
from router.servers.layout import SOCKET_PATH_MAX, layout_of
from router.servers.postgres import is_child, is_master
from router.servers.processes import Process, processes
from router.servers.valkey import is_server

ROOT = Path(__file__).parents[2]
OTHER_USER = 65534

OWNER = """
import sys, time
from pathlib import Path
from router.servers import Servers

with Servers(Path(sys.argv[1]), namespaces="no-namespaces" not in sys.argv) as servers:
    print(servers.database_url, flush=True)
    while True:
        servers.check()
        time.sleep(0.05)
"""
BORROWER = """
import sys
from pathlib import Path
from router.servers import borrowed

with borrowed(Path(sys.argv[1])) as endpoints:
    print(endpoints.database_url, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A data folder that is not there yet, under a path that every user can reach."""
    parent = Path(tempfile.mkdtemp(prefix="im-test-"))
    parent.chmod(0o755)
    yield parent / "var"
    eventually(lambda: processes_of(parent / "var") == [])
    shutil.rmtree(parent)


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    with reachable_folder() as folder:
        with Servers(folder):
            pass
        yield folder


@pytest.fixture
def data_dir(initialised: Path) -> Iterator[Path]:
    """An initialised folder whose servers are stopped; it has been through all the tests before."""
    yield initialised
    eventually(lambda: processes_of(initialised) == [])


@pytest.fixture
def own_dir(initialised: Path, empty_dir: Path) -> Path:
    """A copy of it for a test that spoils it."""
    shutil.copytree(initialised, empty_dir, ignore=shutil.ignore_patterns("*.sock", ".s.PGSQL*"))
    return empty_dir


def processes_of(data_dir: Path) -> list[Process]:
    layout = layout_of(data_dir)

    def ours(found: Process) -> bool:
        return (
            is_master(found, layout.postgres)
            or is_child(found, layout.name)
            or is_server(found, layout.valkey_socket)
        )

    return [found for found in processes() if ours(found)]


def pid_of(data_dir: Path, what: str) -> int:
    if what == "postgres":
        return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    socket_path = layout_of(data_dir).valkey_socket
    return next(found.pid for found in processes() if is_server(found, socket_path))


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


def execute(endpoints: Endpoints | str, statement: str) -> list[tuple[object, ...]]:
    url = endpoints if isinstance(endpoints, str) else endpoints.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def valkey_client(endpoints: Endpoints) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(endpoints.redis_url)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed its first line."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as started:
        assert started.stdout is not None
        try:
            assert started.stdout.readline(), "the process ended before it was up"
            yield started
        finally:
            started.kill()


def fill(endpoints: Endpoints | str, rows: int = 1000) -> None:
    execute(endpoints, "DROP TABLE IF EXISTS kept")
    execute(endpoints, f"CREATE TABLE kept AS SELECT generate_series(1, {rows}) AS n")


def count(endpoints: Endpoints | str) -> object:
    return execute(endpoints, "SELECT count(*) FROM kept")[0][0]


# -- an ordinary life -----------------------------------------------------------------------------------


def test_the_first_start_makes_a_cluster_with_checksums_utf8_and_durable_settings(tmp_path: Path) -> None:
    with Servers(tmp_path / "new folder") as servers:
        wanted = {
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "TimeZone": "UTC",
            "max_connections": "60",
            "jit": "off",
        }
        found = {
            row[0]: row[1] for row in execute(servers.endpoints, "SELECT name, setting FROM pg_settings")
        }
        locale = "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = 'im'"
        assert {name: found[name] for name in wanted} == wanted
        assert execute(servers.endpoints, locale) == [("b", "C.UTF-8")]


def test_nobody_else_can_reach_the_files_or_the_sockets(data_dir: Path) -> None:
    with Servers(data_dir):
        layout = layout_of(data_dir)
        for private in (layout.postgres, layout.sockets, layout.valkey, layout.logs):
            assert private.stat().st_mode & 0o077 == 0, private
        assert {path.stat().st_mode & 0o777 for path in layout.logs.iterdir()} == {0o600}


def test_rows_and_keys_are_there_after_stop_and_start(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        fill(servers.endpoints)
        with valkey_client(servers.endpoints) as client:
            client.set("key", "value")
    with Servers(data_dir) as servers:
        assert count(servers.endpoints) == 1000
        with valkey_client(servers.endpoints) as client:
            assert client.get("key") == b"value"


def test_both_servers_idle_take_less_than_100_mb(data_dir: Path) -> None:
    with Servers(data_dir):
        pids = [found.pid for found in processes_of(data_dir)]
        shares = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
        total = sum(int(text.split("Pss:")[1].split()[0]) for text in shares)
        assert len(pids) >= 5
        assert total < 100_000, f"{total} kB"


def test_only_one_embedded_leaves_the_other_address_empty(data_dir: Path) -> None:
    with Servers(data_dir, valkey=False) as servers:
        assert servers.start().redis_url == ""
        assert execute(servers.endpoints, "SELECT 1") == [(1,)]
    with Servers(data_dir, postgres=False) as servers, valkey_client(servers.endpoints) as client:
        assert servers.start().database_url == ""
        assert client.ping() is True


def test_start_and_stop_may_be_called_again(data_dir: Path) -> None:
    servers = Servers(data_dir)
    servers.stop()
    assert servers.start() == servers.start()
    servers.stop()
    servers.stop()
    servers.start()
    servers.stop()


def test_after_stop_no_process_is_left(data_dir: Path) -> None:
    with Servers(data_dir):
        assert processes_of(data_dir) != []
    assert processes_of(data_dir) == []
    assert running(data_dir) is None


def test_stop_ends_clients_that_stay_connected(data_dir: Path) -> None:
    servers = Servers(data_dir)
    with psycopg.connect(servers.start().database_url) as connection:
        connection.execute("SELECT 1")
        before = time.monotonic()
        servers.stop()
        assert time.monotonic() - before < 5
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_settings_of_the_callers_environment_do_not_disturb(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATA": "/nowhere", "LC_ALL": "tlh"}.items():
        monkeypatch.setenv(name, value)
    with Servers(data_dir) as servers:
        assert execute(servers.endpoints, "SELECT 1") == [(1,)]


def test_the_log_holds_neither_statements_nor_rows(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        execute(servers.endpoints, "CREATE TABLE t (secret text PRIMARY KEY)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                execute(servers.endpoints, "INSERT INTO t VALUES ('xoxb-secret')")
        log = (data_dir / "log" / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "xoxb-secret" not in log


def test_a_folder_too_deep_for_sockets_gets_them_in_a_private_temporary_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with Servers(deep) as servers:
        sockets = layout_of(deep).sockets
        assert sockets.parent == Path(tempfile.gettempdir()).resolve()
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert len(str(layout_of(deep).postgres_socket)) <= SOCKET_PATH_MAX
        assert running(deep) == servers.endpoints
        assert execute(servers.endpoints, "SELECT 1") == [(1,)]
    assert not sockets.exists()


# -- one owner ------------------------------------------------------------------------------------------


def test_a_second_start_on_the_same_folder_names_the_process_that_holds_it(data_dir: Path) -> None:
    with process(OWNER, data_dir) as owner, pytest.raises(Held, match=f"process {owner.pid}:"):
        Servers(data_dir).start()


def test_the_first_goes_on_undisturbed_when_a_second_was_refused(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        with pytest.raises(Held, match=f"process {os.getpid()}:"):
            Servers(data_dir).start()
        assert servers.check() == []
        assert running(data_dir) == servers.endpoints


@pytest.mark.chaos
def test_the_servers_end_with_a_killed_owner_and_a_new_start_works_at_once(data_dir: Path) -> None:
    with process(OWNER, data_dir) as owner:
        endpoints = running(data_dir)
        assert endpoints is not None
        fill(endpoints)
        owner.kill()
        owner.wait()
        before = time.monotonic()
        with Servers(data_dir) as servers:
            assert time.monotonic() - before < 3
            assert count(servers.endpoints) == 1000


@pytest.mark.chaos
def test_a_new_start_works_while_clients_of_a_killed_owner_are_connected_and_busy(data_dir: Path) -> None:
    with process(OWNER, data_dir) as owner:
        endpoints = running(data_dir)
        assert endpoints is not None
        fill(endpoints)
        with busy_client(endpoints):
            owner.kill()
            owner.wait()
            with Servers(data_dir) as servers:
                assert count(servers.endpoints) == 1000


@contextmanager
def busy_client(endpoints: Endpoints) -> Iterator[None]:
    """A client in the middle of a query that does nothing but compute."""

    def compute() -> None:
        with pytest.raises(psycopg.OperationalError):
            execute(endpoints, "SELECT count(*) FROM generate_series(1, 4000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    time.sleep(0.2)
    try:
        yield
    finally:
        thread.join(20)
    assert not thread.is_alive()


@pytest.mark.chaos
def test_servers_that_outlived_their_owner_are_ended_by_the_next_start(data_dir: Path) -> None:
    script = OWNER.replace("import sys, time", "import sys, time\nfrom router.servers import launch, child")
    # As on a system without PR_SET_PDEATHSIG: a launcher that does not ask for the signal.
    plain = data_dir.parent / "launch.py"
    plain.write_text(Path(str(launch.__file__)).read_text().replace("linux", "no such system"))
    script = f"from router.servers import launch; launch.__file__ = {str(plain)!r}\n" + script
    with process(script, data_dir) as owner:
        orphan = pid_of(data_dir, "postgres")
        owner.kill()
        owner.wait()
        time.sleep(0.2)
        assert orphan in [found.pid for found in processes_of(data_dir)]
        with Servers(data_dir) as servers:
            assert pid_of(data_dir, "postgres") != orphan
            assert execute(servers.endpoints, "SELECT 1") == [(1,)]


# -- a server that ends ---------------------------------------------------------------------------------


def revived(servers: Servers, data_dir: Path, name: str) -> None:
    eventually(lambda: servers.check() == [name])
    eventually(lambda: running(data_dir) is not None)


@pytest.mark.chaos
def test_postgres_killed_is_back_at_once_with_every_committed_row(data_dir: Path) -> None:
    durations = []
    with Servers(data_dir) as servers:
        fill(servers.endpoints)
    for _ in range(3):
        with Servers(data_dir) as servers:
            os.kill(pid_of(data_dir, "postgres"), signal.SIGKILL)
            before = time.monotonic()
            revived(servers, data_dir, "postgres")
            durations.append(time.monotonic() - before)
            assert count(servers.endpoints) == 1000
            assert servers.check() == []
    assert min(durations) < 1.0  # 0.15 s on a quiet machine; what shares its disk makes it slower


@pytest.mark.chaos
def test_postgres_killed_comes_back_although_its_children_are_still_at_work(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        fill(servers.endpoints)
        with busy_client(servers.endpoints):
            os.kill(pid_of(data_dir, "postgres"), signal.SIGKILL)
            revived(servers, data_dir, "postgres")
            assert count(servers.endpoints) == 1000


@pytest.mark.chaos
def test_a_killed_connection_process_is_mended_by_postgres_itself(data_dir: Path) -> None:
    with Servers(data_dir) as servers, psycopg.connect(servers.database_url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        eventually(lambda: running(data_dir) is not None)
        assert servers.check() == []


def test_valkey_killed_is_back_with_what_was_a_second_old(empty_dir: Path) -> None:
    with Servers(empty_dir, postgres=False) as servers:
        with valkey_client(servers.endpoints) as client:
            client.set("key", "value")
        os.kill(pid_of(empty_dir, "valkey"), signal.SIGKILL)
        revived(servers, empty_dir, "valkey")
        with valkey_client(servers.endpoints) as client:
            assert client.get("key") == b"value"


@pytest.mark.chaos
def test_a_hundred_checks_of_healthy_servers_take_under_a_tenth_of_a_second(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        before = time.monotonic()
        assert [servers.check() for _ in range(100)] == [[]] * 100
        assert time.monotonic() - before < 0.1


def test_valkey_starts_although_its_whole_folder_is_lost(empty_dir: Path) -> None:
    some_keys(empty_dir)
    shutil.rmtree(empty_dir / "valkey")
    with Servers(empty_dir, postgres=False) as servers, valkey_client(servers.endpoints) as client:
        assert client.ping() is True


def append_log(data_dir: Path) -> Path:
    return next((data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"))


def some_keys(data_dir: Path) -> None:
    with Servers(data_dir, postgres=False) as servers, valkey_client(servers.endpoints) as client:
        client.set("first", "value")
        client.set("second", "value")


def test_valkey_loses_only_the_torn_tail_of_its_log(empty_dir: Path) -> None:
    some_keys(empty_dir)
    log = append_log(empty_dir)
    os.truncate(log, log.stat().st_size - 5)
    with Servers(empty_dir, postgres=False) as servers, valkey_client(servers.endpoints) as client:
        assert (client.get("first"), client.get("second")) == (b"value", None)


@pytest.mark.parametrize("victim", ["appendonly.aof.1.incr.aof", "appendonly.aof.manifest"])
def test_valkey_starts_empty_when_its_data_is_garbage_and_keeps_that_aside(
    empty_dir: Path, victim: str, caplog: pytest.LogCaptureFixture
) -> None:
    some_keys(empty_dir)
    found = empty_dir / "valkey" / "appendonlydir" / victim
    found.write_bytes(b"garbage" * 100)
    with Servers(empty_dir, postgres=False) as servers, valkey_client(servers.endpoints) as client:
        assert client.dbsize() == 0
        assert (empty_dir / "valkey.broken" / "appendonlydir" / victim).exists()
    assert "starts empty" in caplog.text


@pytest.mark.chaos
def test_a_stale_pid_file_with_the_number_of_another_process_does_not_prevent_a_start(own_dir: Path) -> None:
    with process(OWNER, own_dir) as owner:
        stale = (own_dir / "postgres" / "postmaster.pid").read_text()
        os.kill(pid_of(own_dir, "postgres"), signal.SIGSTOP)
        owner.kill()
        owner.wait()
        os.kill(int(stale.split()[0]), signal.SIGKILL)
        with process("print('up', flush=True); import time; time.sleep(60)") as stranger:
            lines = stale.split("\n")
            text = "\n".join([str(stranger.pid), *lines[1:]])
            (own_dir / "postgres" / "postmaster.pid").write_text(text)
            with Servers(own_dir) as servers:
                assert execute(servers.endpoints, "SELECT 1") == [(1,)]
            assert stranger.poll() is None


# -- what keeps them from starting ----------------------------------------------------------------------


def test_a_cluster_of_another_major_version_is_refused_with_the_mend(own_dir: Path) -> None:
    (own_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServersError, match=r"made by PostgreSQL 15 and this is 18: .*pg_dump"):
        Servers(own_dir).start()


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("…")
    with pytest.raises(ServersError, match="is not a Postgres cluster: move it away"):
        Servers(tmp_path).start()
    assert (tmp_path / "postgres" / "thesis.txt").exists()


def test_what_a_crash_during_the_first_start_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    (tmp_path / "postgres").mkdir()
    with Servers(tmp_path, valkey=False) as servers:
        assert execute(servers.endpoints, "SELECT 1") == [(1,)]
    assert not (tmp_path / "postgres.new").exists()


def test_a_file_in_the_place_of_the_data_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(ServersError, match=r"cannot be used .*check IM_DATA_DIR"):
        Servers(tmp_path / "var").start()


def test_a_failed_start_leaves_no_process_and_no_lock(own_dir: Path) -> None:
    (own_dir / "valkey").rename(own_dir / "elsewhere")
    (own_dir / "valkey").write_text("in the way")
    with pytest.raises(ServersError):
        Servers(own_dir).start()
    assert processes_of(own_dir) == []
    (own_dir / "valkey").unlink()
    with Servers(own_dir):
        pass


# -- full disks -----------------------------------------------------------------------------------------


def on_small_disk(folder: Path, megabytes: int, script: str) -> str:
    """Run a script with `disk` (a Path) on a file system of that size, in a mount namespace of its own."""
    body = f"from pathlib import Path\ndisk = Path({str(folder)!r})\n" + textwrap.dedent(script)
    mount = 'mount -t tmpfs -o size="$1"m,mode=755 none "$2" || exit 99; shift 2; exec "$@"'
    inner = ["sh", "-c", mount, "sh", str(megabytes), str(folder), sys.executable, "-c", body]
    ways = [["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]]
    for way in ways:
        command = [*way, *inner]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
        mounted = done.returncode != 99 and "unshare" not in done.stderr
        if mounted:
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout
    pytest.fail(f"this system lets nobody mount a small file system, which this test needs: {done.stderr}")


def test_a_disk_too_full_for_a_new_cluster_is_a_clear_error(tmp_path: Path) -> None:
    said = on_small_disk(
        tmp_path,
        60,
        """
        from router.servers import Servers, ServersError
        try:
            Servers(disk / "var").start()
        except ServersError as error:
            print(error)
        """,
    )
    assert said == f"no space is left in {tmp_path}/var: free some and start again\n"


def test_a_disk_that_fills_while_the_cluster_is_made_is_a_clear_error(tmp_path: Path) -> None:
    said = on_small_disk(
        tmp_path,
        30,
        """
        from router.servers import Servers, ServersError, postgres
        postgres._INITDB_BYTES = 0
        try:
            Servers(disk / "var").start()
        except ServersError as error:
            print(error)
        print(sorted(path.name for path in (disk / "var").iterdir() if path.name == "postgres"))
        """,
    )
    assert said == f"no space is left in {tmp_path}/var/postgres: free some and start again\n[]\n"


@pytest.mark.chaos
def test_postgres_stopped_by_a_full_disk_is_not_started_in_a_hot_loop_and_comes_back_with_space(
    tmp_path: Path,
) -> None:
    said = on_small_disk(
        tmp_path,
        130,
        """
        import time, psycopg
        from router.servers import Servers, running
        with Servers(disk / "var") as servers:
            url = servers.database_url
            with psycopg.connect(url, autocommit=True) as c:
                c.execute("CREATE TABLE kept (n int)")
                c.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
            try:
                (disk / "ballast").write_bytes(bytes(200_000_000))
            except OSError:
                pass
            rows = 1000
            try:
                with psycopg.connect(url, autocommit=True) as c:
                    while True:  # until the log of changes cannot grow
                        c.execute("INSERT INTO kept VALUES (1)")
                        rows += 1
                        c.execute("SELECT pg_logical_emit_message(false, '', repeat('.', 1000000))")
            except psycopg.Error:
                pass
            starts, until = 0, time.monotonic() + 4
            while time.monotonic() < until:
                starts += len(servers.check())
                time.sleep(0.02)
            (disk / "ballast").unlink()
            freed = time.monotonic()
            while not running(disk / "var"):
                servers.check()
                assert time.monotonic() < freed + 20
                time.sleep(0.02)
            with psycopg.connect(url) as c:
                found = c.execute("SELECT count(*) FROM kept").fetchone()[0]
                c.execute("INSERT INTO kept VALUES (0)")
            print("all rows" if found == rows else f"{found} of {rows}", starts)
            log = (disk / "var" / "log" / "postgres.log").read_text()
            print("panic" if "PANIC" in log else "no panic")
        """,
    )
    kept, panic = said.splitlines()
    assert kept.startswith("all rows")
    assert int(kept.split()[-1]) <= 6
    assert panic == "panic"


# -- as whom --------------------------------------------------------------------------------------------


def interpreter_for(uid: int) -> tuple[list[str], dict[str, str]]:
    """A Python that this user can run, with our packages on its path."""
    path = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path}
    version = f"python3.{sys.version_info.minor}"
    system = [str(Path(folder) / version) for folder in ("/usr/local/bin", "/usr/bin")]
    for candidate in (sys.executable, *system):
        if not Path(candidate).exists():
            continue
        probe = subprocess.run(
            ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", candidate, "-c", PROBE],
            env=environment,
            capture_output=True,
            check=False,
        )
        if probe.returncode == 0:
            return [candidate], environment
    pytest.fail(f"the user {uid} can run none of {[sys.executable, *system]}, which this test needs")


PROBE = "import os, sys, msgspec, psycopg, router; os.execv(sys.executable, [sys.executable, '-c', ''])"
LIFE = """
import os, signal, sys, time
from pathlib import Path
import psycopg
from router.servers import Servers, ServersError, borrowed, running

folder = Path(sys.argv[1])
try:
    with Servers(folder) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as c:
            c.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        os.kill(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        while not servers.check():
            time.sleep(0.01)
        while not running(folder):
            time.sleep(0.01)
    with borrowed(folder) as endpoints, psycopg.connect(endpoints.database_url) as c:
        print(os.geteuid(), c.execute("SELECT count(*) FROM kept").fetchone()[0])
except ServersError as error:
    print(error)
"""


def as_other_user(script: str, folder: Path) -> str:
    """Run a script as a user that is not root: another one if we are root, else ourselves."""
    if os.geteuid() != 0:
        command, environment = [sys.executable], dict(os.environ)
    else:
        command, environment = interpreter_for(OTHER_USER)
        prefix = ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"]
        command = [*prefix, *command]
    done = subprocess.run(
        [*command, "-c", script, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def other_users_folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="im-test-"))
    if os.geteuid() == 0:
        os.chown(parent, OTHER_USER, OTHER_USER)
    yield parent
    shutil.rmtree(parent)


def test_a_user_that_is_not_root_runs_the_servers_as_itself(other_users_folder: Path) -> None:
    uid = os.geteuid() or OTHER_USER
    assert as_other_user(LIFE, other_users_folder / "var") == f"{uid} 1000\n"
    assert (other_users_folder / "var" / "postgres").stat().st_uid == uid


def test_a_folder_that_the_user_cannot_write_is_a_clear_error() -> None:
    said = as_other_user(LIFE, Path("/proc/im-var") if os.geteuid() else Path("/usr/im-var"))
    assert "IM_DATA_DIR" in said
    assert "Traceback" not in said


def owner_of_cluster(data_dir: Path) -> int:
    return (data_dir / "postgres").stat().st_uid


def said_by(script: str, folder: Path) -> str:
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.chaos
def test_root_runs_postgres_in_a_namespace_or_as_nobody_and_may_change_between_them(own_dir: Path) -> None:
    said = said_by(
        """
            import os, signal, sys, time
            from pathlib import Path
            import psycopg
            from router.servers import Servers, running

            folder = Path(sys.argv[1])
            rows = []
            for namespaces in (True, False, True, False):
                with Servers(folder, namespaces=namespaces) as servers:
                    with psycopg.connect(servers.database_url, autocommit=True) as c:
                        c.execute("CREATE TABLE IF NOT EXISTS lives (n int)")
                        c.execute("INSERT INTO lives VALUES (1)")
                    pid = (folder / "postgres" / "postmaster.pid").read_text().split()[0]
                    os.kill(int(pid), signal.SIGKILL)
                    while not servers.check():
                        time.sleep(0.01)
                    while not running(folder):
                        time.sleep(0.01)
                    with psycopg.connect(servers.database_url) as c:
                        rows.append(c.execute("SELECT count(*) FROM lives").fetchone()[0])
                    servers.stop()
                rows.append((folder / "postgres").stat().st_uid)
            print(*rows)
            """,
        own_dir,
    )
    usual, without = (identity.choose(namespaces=allowed).owner for allowed in (True, False))
    assert said == f"1 {usual} 2 {without} 3 {usual} 4 {without}\n"


@pytest.mark.chaos
def test_without_namespaces_the_servers_end_with_a_killed_owner_too(data_dir: Path) -> None:
    with process(OWNER, data_dir, "no-namespaces") as owner:
        assert processes_of(data_dir) != []
        owner.kill()
        owner.wait()
        eventually(lambda: processes_of(data_dir) == [])


def test_without_namespaces_postgres_reaches_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    script = """
        import sys
        from pathlib import Path
        import psycopg
        from router.servers import Servers

        with Servers(Path(sys.argv[1]) / "var", namespaces=False) as servers:
            with psycopg.connect(servers.database_url) as c:
                print(c.execute("SELECT 1").fetchone()[0])
            pid = (Path(sys.argv[1]) / "var" / "postgres" / "postmaster.pid").read_text().split()[0]
            said = Path(f"/proc/{pid}/status").read_text().splitlines()
            print(*(line.split()[1] for line in said if line.startswith(("Uid:", "CapEff:"))))
        """
    uid = identity.choose(namespaces=False).owner
    only_to_pass = "0000000000000002" if os.geteuid() == 0 else "0000000000000000"
    assert said_by(script, tmp_path) == f"1\n{uid} {only_to_pass}\n"
    assert tmp_path.stat().st_mode & 0o777 == 0o700


# -- commands that borrow -------------------------------------------------------------------------------


def test_nothing_runs_where_nobody_started_it(data_dir: Path, tmp_path: Path) -> None:
    assert running(data_dir) is None
    assert running(tmp_path / "missing") is None
    assert not (tmp_path / "missing").exists()


def test_a_command_uses_the_servers_of_an_owner_and_leaves_them_running(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        postmaster = pid_of(data_dir, "postgres")
        with borrowed(data_dir) as endpoints:
            assert endpoints == servers.endpoints
        assert pid_of(data_dir, "postgres") == postmaster
        assert running(data_dir) == servers.endpoints


def test_a_command_starts_the_servers_for_its_own_duration(data_dir: Path) -> None:
    with borrowed(data_dir) as endpoints:
        fill(endpoints)
        assert running(data_dir) == endpoints
    assert processes_of(data_dir) == []
    with borrowed(data_dir) as endpoints:
        assert count(endpoints) == 1000


@pytest.mark.chaos
def test_a_command_waits_under_half_a_second_for_its_servers(data_dir: Path) -> None:
    durations = []
    for _ in range(3):
        before = time.monotonic()
        with borrowed(data_dir):
            durations.append(time.monotonic() - before)
    assert min(durations) < 0.5  # 0.2 s on a quiet machine


def test_the_first_command_makes_the_cluster(tmp_path: Path) -> None:
    with borrowed(tmp_path / "var") as endpoints:
        assert execute(endpoints, "SELECT 1") == [(1,)]


def test_commands_at_the_same_moment_share_the_servers_and_the_first_to_end_takes_nothing_away(
    data_dir: Path,
) -> None:
    with process(BORROWER, data_dir) as first, process(BORROWER, data_dir) as second:
        assert first.stdin is not None
        assert second.stdin is not None
        postmaster = pid_of(data_dir, "postgres")
        before = time.monotonic()
        first.stdin.write("\n")
        first.stdin.flush()
        first.wait()
        assert time.monotonic() - before < 2
        assert pid_of(data_dir, "postgres") == postmaster
        assert running(data_dir) is not None
        second.stdin.write("\n")
        second.stdin.flush()
        second.wait()
        assert processes_of(data_dir) == []


@pytest.mark.chaos
def test_many_commands_at_the_same_moment_all_work(data_dir: Path) -> None:
    script = BORROWER.replace("    sys.stdin.readline()", "")
    commands = [
        subprocess.Popen([sys.executable, "-c", script, str(data_dir)], stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(6)
    ]
    for command in commands:
        with command:
            assert command.communicate(timeout=60)[0].startswith(b"postgresql://")
    assert [command.returncode for command in commands] == [0] * 6


def test_commands_one_after_another_never_meet_a_server_that_is_leaving(data_dir: Path) -> None:
    for _ in range(5):
        with borrowed(data_dir) as endpoints:
            assert execute(endpoints, "SELECT 1") == [(1,)]


@pytest.mark.chaos
def test_a_killed_command_leaves_nothing_behind(data_dir: Path) -> None:
    with process(BORROWER, data_dir) as command:
        command.kill()
        command.wait()
        eventually(lambda: processes_of(data_dir) == [])
        eventually(lambda: running(data_dir) is None)


@pytest.mark.chaos
def test_while_a_command_runs_what_ends_is_started_again(data_dir: Path) -> None:
    with borrowed(data_dir) as endpoints:
        os.kill(pid_of(data_dir, "postgres"), signal.SIGKILL)
        os.kill(pid_of(data_dir, "valkey"), signal.SIGKILL)
        time.sleep(0.1)
        eventually(lambda: running(data_dir) == endpoints)


def test_an_owner_starts_as_soon_as_the_last_command_has_left(data_dir: Path) -> None:
    with process(BORROWER, data_dir) as command:
        threading.Timer(0.5, command.kill).start()
        with Servers(data_dir) as servers:
            assert running(data_dir) == servers.endpoints


@pytest.mark.chaos
def test_an_owner_that_stops_gives_commands_two_seconds_to_finish(data_dir: Path) -> None:
    servers = Servers(data_dir)
    servers.start()
    with process(BORROWER, data_dir) as command:
        threading.Timer(0.5, command.kill).start()
        before = time.monotonic()
        servers.stop()
        assert 0.4 < time.monotonic() - before < 2
    servers.start()
    with process(BORROWER, data_dir):
        before = time.monotonic()
        servers.stop()
        assert 1.9 < time.monotonic() - before < 4


def test_a_command_that_comes_while_an_owner_stops_gets_servers_of_its_own(data_dir: Path) -> None:
    servers = Servers(data_dir)
    servers.start()
    stopping = threading.Thread(target=servers.stop)
    stopping.start()
    eventually(lambda: running(data_dir) is None)
    with borrowed(data_dir) as endpoints:
        stopping.join()
        assert execute(endpoints, "SELECT 1") == [(1,)]


def test_what_keeps_the_servers_from_starting_reaches_the_command_as_one_sentence(own_dir: Path) -> None:
    (own_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServersError, match="made by PostgreSQL 15"), borrowed(own_dir):
        pass


def test_a_command_that_needs_what_the_owner_does_not_run_is_told_so(data_dir: Path) -> None:
    with Servers(data_dir, valkey=False):
        with borrowed(data_dir, valkey=False) as endpoints:
            assert endpoints.redis_url == ""
        with pytest.raises(ServersError, match="without Valkey"), borrowed(data_dir):
            pass


def test_a_socket_that_nobody_answers_on_is_not_a_running_server(own_dir: Path) -> None:
    with Servers(own_dir) as servers:
        said = (own_dir / "servers.lock").read_bytes()
    (own_dir / "servers.lock").write_bytes(said or b'{"pid": 1}')
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(layout_of(own_dir).postgres_socket))
    assert running(own_dir) is None
    with Servers(own_dir) as servers:
        assert execute(servers.endpoints, "SELECT 1") == [(1,)]
