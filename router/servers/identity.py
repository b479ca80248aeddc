"""As whom Postgres runs: it refuses root, so root lends it a user namespace or the user `nobody`."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import msgspec

from router.servers import launch
from router.servers.errors import ServersError

_NOBODY = 65534  # where the system has no such user by name


class Identity(msgspec.Struct, frozen=True):
    """`launch`: what launch.py is told; `owner`: the uid, seen from here, that the files belong to."""

    launch: str
    owner: int

    @property
    def confined(self) -> bool:
        """Whether the server has less access to files than the caller."""
        return self.owner != os.geteuid()


def choose(*, namespaces: bool = True) -> Identity:
    """Pick the identity for this process; `namespaces=False` acts as where the system forbids them."""
    if os.geteuid() != 0:
        return myself()
    if namespaces and _namespaces_allowed():
        return Identity("namespace", 0)
    uid, gid = nobody()
    return Identity(f"{uid}:{gid}", uid)


def myself() -> Identity:
    """Run as the caller."""
    return Identity("same", os.geteuid())


def nobody() -> tuple[int, int]:
    """uid and gid of the system's user without rights."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return entry.pw_uid, entry.pw_gid


def _namespaces_allowed() -> bool:
    probe = [*launcher(), str(os.getpid()), "0", "namespace", "/bin/sh", "-c", ":"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def launcher() -> list[str]:
    """The command that launch.py's arguments follow; isolated, so it starts in about 15 ms."""
    return [sys.executable, "-I", "-S", str(Path(launch.__file__))]


def private_folder(folder: Path, owner: int) -> None:
    """Make `folder` if it is missing, for `owner` (a uid) alone; never follows a link somebody laid there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ServersError(f"{folder} is not a folder: remove it and start again")
    _check_giver(folder, found.st_uid, owner)
    if found.st_uid != owner:
        os.chown(folder, owner, -1, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def give(folder: Path, owner: int) -> None:
    """Make `folder` and all in it `owner`'s; the folder itself last, so that a broken run is done again."""
    found = folder.lstat().st_uid
    _check_giver(folder, found, owner)
    if found == owner:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)


def _check_giver(folder: Path, found: int, owner: int) -> None:
    """Only root gives away, and only what root or nobody had: anybody else's is theirs."""
    if found != owner and (os.geteuid() != 0 or found not in {0, nobody()[0]}):
        raise ServersError(f"{folder} belongs to the user with the id {found}: run this as that user")


def able_to_reach(identity: Identity, data_dir: Path, program: Path) -> Identity:
    """Let a confined identity pass through `data_dir` (not list it) to its own folder in there.

    The folders above are never touched. Where these, or those of the program, are closed to others, the
    identity keeps of root's rights the one to pass (with files: Docker's default set has no smaller one).
    """
    if not identity.confined:
        return identity
    data_dir.chmod(data_dir.stat().st_mode | 0o011)
    folders = {*data_dir.parents, *program.parents, *program.resolve().parents}
    if all(folder.stat().st_mode & 0o001 for folder in folders) and program.stat().st_mode & 0o001:
        return identity
    return Identity(f"{identity.launch}:{launch.REACH}", identity.owner)
