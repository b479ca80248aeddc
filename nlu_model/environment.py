"""The environment that Rasa runs in: Python 3.10 with the locked packages, made by uv when it is missing."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from nlu_model.programs import NluError, Progress, Pulse, Tell, held, run

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
LOCK: Final = HERE / "requirements.lock"
PYTHON: Final = (3, 10)
STAMP: Final = "im-stamp.json"
"""In an environment that was made here; without it the folder is somebody else's and is never removed."""

_VERSION: Final = ".".join(map(str, PYTHON))
_PROBE: Final = "import sys, venv; print(*sys.version_info[:2])"
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_KEPT_FOR_UV: Final = ("UV_", "SSL_CERT_", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


class Stamp(msgspec.Struct, frozen=True):
    """What an environment was made of."""

    lock: str
    """SHA-256 of the lock file, in hex."""
    python: str


def clean(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables for programs in the environment: what finds libraries; no settings of ours or secrets."""
    return {name: environ[name] for name in _KEPT if name in environ} | {
        "PYTHONPATH": str(ROOT),  # where `nlu_model.components` is found
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
        "RASA_TELEMETRY_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "MALLOC_ARENA_MAX": "2",  # glibc's arenas, one a thread, grow the resident size by a tenth
    }


def python_of(env: Path) -> Path:
    """The interpreter of an environment."""
    return env / "bin" / "python"


def ready(env: Path, lock: Path = LOCK) -> bool:
    """Whether an environment can be used as it is.

    One that was made elsewhere (no stamp) is taken as it is when Rasa is in it.
    """
    if not python_of(env).exists():
        return False
    found = _stamp(env)
    if found is None:
        return any(env.glob("lib/python*/site-packages/rasa/__init__.py"))
    return found.lock == _hash(lock)


def ensure(env: Path, *, tell: Tell, pulse: Pulse, lock: Path = LOCK) -> None:
    """Make the environment if it is missing or of another lock file; about a minute, and 1.9 GB.

    It is made aside and renamed, one process at a time, so that a half-made one is never used. Raises
    NluError with the mend; `pulse` is called often and may raise to give up.
    """
    if ready(env, lock):
        return
    _refuse_strange(env)
    try:
        env.parent.mkdir(parents=True, exist_ok=True)
        with held(env.with_name(f"{env.name}.lock"), pulse):
            if not ready(env, lock):
                _make(env, lock, tell, pulse)
    except OSError as error:
        raise NluError(
            f"the language environment {env} cannot be made ({error.strerror}); "
            "free space or change the folder's owner, or name another folder by IM_NLU_ENV"
        ) from None


def find_uv(root: Path = ROOT) -> str:
    """uv's path: the project's own, else that on PATH."""
    own = root / ".tools" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        raise NluError(
            "uv, which makes the language environment, is missing; run `make setup`, or install uv"
        )
    return found


def pythons(environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Where a Python 3.10 may be, the most likely first; a shim of pyenv need not run."""
    on_path = shutil.which(f"python{_VERSION}", path=environ.get("PATH"))
    if on_path:
        yield Path(on_path)
    home = environ.get("HOME", "/")
    folders = [Path(root) / "versions" for root in (environ.get("PYENV_ROOT"), f"{home}/.pyenv") if root]
    # Under another HOME pyenv is where its shim is, or where the Python that runs this is from.
    folders += [Path(on_path).parent.parent / "versions"] if on_path else []
    folders.append(Path(sys.base_prefix).parent)
    for folder in dict.fromkeys(folders):
        versions = folder.glob(f"{_VERSION}.*")
        yield from (one / "bin" / "python" for one in sorted(versions, key=_numbers, reverse=True))


def runs(python: Path) -> bool:
    """Whether it is a Python 3.10 that really starts."""
    try:
        done = subprocess.run(
            [python, "-c", _PROBE], capture_output=True, text=True, timeout=20, env=clean(), check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.split() == [str(number) for number in PYTHON]


def find_python(uv: str, *, pulse: Pulse) -> Path:
    """A Python 3.10 of this machine, else one that uv downloads. NluError where there is neither."""
    found = next((python for python in pythons() if runs(python)), None) or _known_to(uv)
    if found is not None:
        return found
    try:
        install = [uv, "python", "install", "--quiet", _VERSION]
        run(install, environ=_for_uv(), pulse=pulse, what=f"Python {_VERSION} could not be downloaded")
    except NluError:
        found = None
    else:
        found = _known_to(uv)
    if found is None:
        raise NluError(
            f"the language model needs Python {_VERSION}, which is not here and could not be downloaded; "
            f"put a python{_VERSION} on PATH (pyenv install {_VERSION}) and start again"
        )
    return found


def _known_to(uv: str) -> Path | None:
    """The Python 3.10 that uv knows of."""
    command = [uv, "python", "find", "--no-python-downloads", "--no-project", _VERSION]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=_for_uv(), cwd="/", check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    python = Path(done.stdout.strip())
    return python if done.returncode == 0 and runs(python) else None


def _make(env: Path, lock: Path, tell: Tell, pulse: Pulse) -> None:
    making = env.with_name(f"{env.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    tell(Progress("environment", 0.0, f"looking for Python {_VERSION}"))
    uv = find_uv()
    python = find_python(uv, pulse=pulse)
    _install(making, uv, python, lock, tell=tell, pulse=pulse)
    stamp = Stamp(lock=_hash(lock), python=_VERSION)
    (making / STAMP).write_bytes(msgspec.json.encode(stamp))
    _replace(env, making)
    tell(Progress("environment", 1.0, "the language environment is there"))


def _install(making: Path, uv: str, python: Path, lock: Path, *, tell: Tell, pulse: Pulse) -> None:
    """The locked packages in a new environment; tells the share of packages that are there."""
    began = time.monotonic()
    wanted = sum(line[:1].isalnum() for line in lock.read_text().splitlines())
    venv = [uv, "venv", "--quiet", "--relocatable", "--no-project", "--python", str(python), str(making)]
    what = "the packages of the language model could not be installed"
    run(venv, environ=_for_uv(), pulse=pulse, what=what)

    def look() -> None:
        there = sum(1 for _ in making.glob("lib/python*/site-packages/*.dist-info"))
        seconds = int(time.monotonic() - began)
        share = 0.02 + 0.97 * min(1.0, there / max(1, wanted))
        tell(
            Progress("environment", share, f"fetching and installing 1.9 GB of packages, {seconds} s so far")
        )
        pulse()

    sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python_of(making)), str(lock)]
    run(sync, environ=_for_uv(), pulse=look, what=what)


def _replace(env: Path, making: Path) -> None:
    """Put the new environment in the place of the old; who runs in the old one keeps what it has loaded."""
    old = env.with_name(f"{env.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if env.exists():
        env.rename(old)
    making.rename(env)
    shutil.rmtree(old, ignore_errors=True)


def _refuse_strange(env: Path) -> None:
    """NluError for a folder with something in it that was not made here: it would have to be removed."""
    if env.exists() and _stamp(env) is None and any(env.iterdir()):
        raise NluError(
            f"{env} is there, but is no environment with Rasa in it; remove it, or name another by IM_NLU_ENV"
        )


def _stamp(env: Path) -> Stamp | None:
    try:
        return msgspec.json.decode((env / STAMP).read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def _hash(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _for_uv() -> dict[str, str]:
    """uv also gets its own settings, and how to reach the network."""
    given = {name: value for name, value in os.environ.items() if name.upper().startswith(_KEPT_FOR_UV)}
    return given | {name: os.environ[name] for name in _KEPT if name in os.environ}


def _numbers(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split(".") if part.isdigit())
