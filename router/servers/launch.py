"""Becomes a server: takes on its identity, asks to be ended with its parent, and execs the command.

A script of its own, run as `python -I -S launch.py PARENT SIGNAL IDENTITY COMMAND…`, so that nothing of the
caller's threads, files or memory is in the way between fork and exec. Imports the standard library only.
IDENTITY is `same`, `namespace`, `UID:GID` or `UID:GID:reach`.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

# Says that the system refuses user namespaces; anything else is an ordinary failure.
NO_NAMESPACE = 77
# Postgres refuses uid 0; inside the namespace root's files belong to this uid.
INNER_ID = 65534
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
# How an identity asks for the right to pass through folders that are closed to it.
REACH = "reach"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1  # linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522


def enter_namespace() -> None:
    """Step into a user namespace in which the caller is INNER_ID; ends with NO_NAMESPACE if refused."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{INNER_ID} {outer_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{INNER_ID} {outer_gid} 1")
    except (OSError, AttributeError):
        sys.exit(NO_NAMESPACE)


def take_on(identity: str) -> None:
    """Become whom the server shall be, for good."""
    if identity == "namespace":
        enter_namespace()
    elif identity != "same":
        uid, gid, *more = identity.split(":")
        become(int(uid), int(gid), reach=more == [REACH])


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Become another user; with `reach` one that closed folders on the way do not stop."""
    libc = ctypes.CDLL(None, use_errno=True)
    if reach:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reach and not keep_reach(libc):
        sys.exit(
            "FATAL: Postgres must not run as root, and the user nobody cannot reach the data folder or the"
            " programs; set IM_DATA_DIR to a folder that everybody can pass through to, such as /var/lib/im"
        )


def keep_reach(libc: ctypes.CDLL) -> bool:
    """Of root's rights keep CAP_DAC_OVERRIDE alone, also over exec: capabilities(7), capset(2)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; then the high half of each
    sets = (ctypes.c_uint32 * 6)(low, low, low, 0, 0, 0)
    if libc.capset(header, sets) != 0:
        return False
    raised: int = libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
    return raised == 0


def end_with(parent: int, signal: int) -> None:
    """Have the kernel send `signal` when the parent thread ends (Linux; elsewhere the next start cleans up).

    After the change of identity, which clears it: prctl(2).
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit("the parent ended first")


def main(arguments: list[str]) -> None:
    """Do it all; does not return."""
    parent, signal, identity, *command = arguments
    take_on(identity)
    end_with(int(parent), int(signal))
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # memory holds what people wrote
    os.execv(command[0], command)  # noqa: S606 -- the command is ours, and no shell is meant


if __name__ == "__main__":
    main(sys.argv[1:])
