"""What a command says when it cannot do what was asked: one sentence with the mend."""

from __future__ import annotations

from collections.abc import Sequence

FAILED = 1
WRONG_USAGE = 2


class CliError(Exception):
    """A failure that is told in one sentence; `code` is the exit code.

    CliError
    └── Refused   the API said no; `status` is HTTP's, `fields` are (field, detail)
    """

    def __init__(self, text: str, *, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


class Refused(CliError):
    """The API's problem details."""

    def __init__(self, status: int, text: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.fields = tuple(fields)
