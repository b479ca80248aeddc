"""`python -m worker ROLE`: the roles that the command line starts without importing them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from router.settings import Settings, SettingsError, read
from worker.errors import CannotStartError

Run = Callable[[Settings, Sequence[str]], None]


def _role(module: str, arguments: Callable[[Sequence[str]], dict[str, Any]]) -> Run:
    """The role of a module's `run`, which is imported only when it is the one to run."""

    def run(settings: Settings, given: Sequence[str]) -> None:
        importlib.import_module(module).run(settings, **arguments(given))

    return run


ROLES: Final[Mapping[str, Run]] = {
    "serve": _role("worker.supervise", lambda given: {"workers": int(given[0]) if given else 1}),
    "worker": _role("worker.role", lambda given: {"lanes": tuple(given)}),
    "drain": _role("worker.once", lambda _: {}),
    "ticker": _role("worker.ticker", lambda _: {}),
    "gateway": _role("worker.gateway", lambda _: {}),
}


def main(arguments: Sequence[str]) -> int:
    """Run the role that the first argument names; 1 with one sentence when it cannot start."""
    name, *rest = arguments or [""]
    if name not in ROLES:
        return _say(f"roles are {', '.join(ROLES)}", 2)
    try:
        ROLES[name](read(), rest)
    except (SettingsError, CannotStartError) as error:
        return _say(str(error), 1)
    return 0


def _say(sentence: str, code: int) -> int:
    print(f"im: {sentence}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
