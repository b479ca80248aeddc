"""Files that only their owner may read."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from router import private


def test_the_first_one_makes_the_file_and_later_ones_leave_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    private.create(file, "first")
    private.create(file, "second")
    assert file.read_text() == "first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_replaced_file_is_private_too(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    private.replace(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_of_several_at_once_all_read_the_same(tmp_path: Path) -> None:
    file = tmp_path / "key"

    def made(number: int) -> str:
        private.create(file, str(number))
        return file.read_text()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(made, range(64)))) == 1
