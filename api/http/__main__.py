"""`python -m api.http`: the API role, as the supervisor starts it."""

from __future__ import annotations

import sys

from api.http.serve import run
from router.chat.registry import CommandsError
from router.policy.policy import PolicyError
from router.problems import Problem
from router.process import CANNOT_BEGIN
from router.settings import SettingsError, read
from router.store import StoreError
from router.vault import VaultError
from rules.load import RuleFilesError


def main() -> int:
    """Serve; CANNOT_BEGIN with one sentence for each problem when that is not possible."""
    try:
        run(read())
    except RuleFilesError as error:
        return _refuse(*map(str, error.problems))
    except PolicyError as error:
        return _refuse(*map(str, error.faults))
    except (CommandsError, SettingsError, StoreError, VaultError, Problem) as error:
        return _refuse(str(error))
    return 0


def _refuse(*sentences: str) -> int:
    for sentence in sentences:
        print(f"im: {sentence}", file=sys.stderr)  # noqa: T201
    return CANNOT_BEGIN


if __name__ == "__main__":
    sys.exit(main())
