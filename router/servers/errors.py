"""What can keep the embedded servers from running, each as one sentence with its mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ServersError(Exception):
    """The embedded servers cannot run; the text is one sentence that says what to do.

    ServersError
      └── Held    another process runs them on the same folder
    """


class Held(ServersError):
    """Another process holds the data folder."""


def no_space(folder: Path) -> ServersError:
    """The sentence for a full disk."""
    return ServersError(f"no space is left in {folder}: free some and start again")


def not_ours(folder: Path) -> ServersError:
    """The sentence for a folder that this user may not write."""
    return ServersError(
        f"{folder} cannot be written by this user: change its owner, or set IM_DATA_DIR to another folder"
    )


_MENDS = {
    errno.ENOSPC: no_space,
    errno.EDQUOT: no_space,
    errno.EACCES: not_ours,
    errno.EPERM: not_ours,
    errno.EROFS: not_ours,
}


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block into the ServersError that names its mend."""
    try:
        yield
    except OSError as error:
        mend = _MENDS.get(error.errno or 0)
        if mend is not None:
            raise mend(Path(error.filename) if error.filename else folder) from error
        raise ServersError(f"the data folder {folder} cannot be used ({error}): check IM_DATA_DIR") from error
