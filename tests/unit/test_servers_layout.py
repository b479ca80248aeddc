"""Where the embedded servers put files and sockets, and what log files and errors look like."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from redis import ConnectionPool

from router.servers import Endpoints, ServersError
from router.servers.errors import explained
from router.servers.layout import SOCKET_PATH_MAX, layout_of
from router.servers.logfile import LogFile


def test_the_database_url_means_the_socket_folder_to_libpq(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    found = conninfo_to_dict(layout.endpoints(postgres=True, valkey=True).database_url)
    assert found == {"host": str(layout.sockets), "port": "5432", "user": "im", "dbname": "im"}


def test_the_redis_url_means_the_socket_to_redis_py(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    pool = ConnectionPool.from_url(layout.endpoints(postgres=True, valkey=True).redis_url)
    assert pool.connection_kwargs["path"] == str(layout.valkey_socket)


@pytest.mark.parametrize("name", ["var", "with space", "a,b", "ü", 'quo"te', "x" * 150])
def test_endpoints_give_back_the_sockets_they_were_made_of(tmp_path: Path, name: str) -> None:
    layout = layout_of(tmp_path / name)
    endpoints = layout.endpoints(postgres=True, valkey=True)
    assert (endpoints.postgres_socket, endpoints.valkey_socket) == (
        layout.postgres_socket,
        layout.valkey_socket,
    )
    assert len(os.fsencode(layout.postgres_socket)) <= SOCKET_PATH_MAX


def test_a_server_that_is_not_embedded_has_no_socket() -> None:
    endpoints = Endpoints("", "")
    assert (endpoints.postgres_socket, endpoints.valkey_socket) == (None, None)


def test_sockets_lie_in_the_data_folder_up_to_the_longest_path_a_socket_can_have() -> None:
    room = SOCKET_PATH_MAX - len("/run/.s.PGSQL.5432")
    fits, too_long = Path("/" + "a" * (room - 1)), Path("/" + "a" * room)
    assert layout_of(fits).sockets == fits / "run"
    assert len(str(layout_of(fits).postgres_socket)) == SOCKET_PATH_MAX
    assert not layout_of(too_long).sockets.is_relative_to(too_long)


def test_a_temporary_folder_that_is_too_deep_itself_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / ("t" * 100)))
    assert layout_of(tmp_path / ("x" * 150)).sockets.parent == Path("/tmp")


def test_two_folders_never_share_their_sockets_and_one_folder_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    one, other = layout_of(tmp_path / "a" / ("x" * 150)), layout_of(tmp_path / "b" / ("x" * 150))
    assert one.sockets != other.sockets
    assert one.name != other.name
    assert layout_of(tmp_path / "link" / ("x" * 150)) == one


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "no space is left in /data/file: free some and start again"),
        (errno.EACCES, "/data/file cannot be written by this user: change its owner, or set IM_DATA_DIR"),
        (errno.EROFS, "/data/file cannot be written by this user: change its owner, or set IM_DATA_DIR"),
        (errno.EIO, "the data folder /data cannot be used ([Errno 5] I/O: '/data/file'): check IM_DATA_DIR"),
    ],
)
def test_a_system_error_becomes_one_sentence_with_the_mend(number: int, sentence: str) -> None:
    with pytest.raises(ServersError) as caught, explained(Path("/data")):
        raise OSError(number, "I/O", "/data/file")
    assert str(caught.value).startswith(sentence)


def test_a_full_log_starts_over_and_keeps_one_generation_while_the_server_goes_on_writing(
    tmp_path: Path,
) -> None:
    log = LogFile(tmp_path / "log" / "server.log", max_bytes=10)
    descriptor = log.open()
    for text in (b"generation 1", b"generation 2", b"three"):
        os.write(descriptor, text)
        log.bound()
    os.close(descriptor)
    assert log.path.read_bytes() == b"three"
    assert (tmp_path / "log" / "server.log.1").read_bytes() == b"generation 2"


def test_a_log_gives_what_was_added_since_and_at_most_its_last_8_kb(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "server.log")
    assert (log.size(), log.since(0)) == (0, "")
    log.path.write_text("before")
    offset = log.size()
    log.path.write_text("before" + "x" * 9000 + "end")
    assert log.since(offset) == "x" * 8189 + "end"
