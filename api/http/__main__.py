"""`python -m api.http`: the API role, as the supervisor starts it."""

from __future__ import annotations

import sys

from api.http.serve import run
from router.settings import SettingsError, read
from rules.load import RuleFilesError


def main() -> int:
    """Serve; 1 with one sentence for each problem when that cannot begin."""
    try:
        run(read())
    except SettingsError as error:
        print(f"im: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except RuleFilesError as error:
        for problem in error.problems:
            print(f"im: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
