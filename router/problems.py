"""What can be wrong with a request, as the API and the command line say it.

Problem
├── Invalid        400  the input; `fields` names where
├── Unauthorized   401  no or a wrong token
├── Forbidden      403  a token without the scope
├── NotFound       404
├── Conflict       409
├── TooLarge       413
└── Unavailable    503  a part is away; nothing was changed; try again
"""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """Where the input is wrong, and what is."""

    field: str
    detail: str


class Problem(Exception):
    """One sentence for a person, and the status that goes with it."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, *fields: FieldError) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields


class Invalid(Problem):
    """The input cannot be used."""

    status = 400
    title = "Invalid input"

    @classmethod
    def at(cls, field: str, detail: str) -> Invalid:
        """Invalid at one field."""
        return cls(f"{field}: {detail}" if field else detail, FieldError(field, detail))


class Unauthorized(Problem):
    """No token, or not a valid one."""

    status = 401
    title = "Not authorised"


class Forbidden(Problem):
    """The token is valid but lacks the scope."""

    status = 403
    title = "Not allowed"


class NotFound(Problem):
    """There is no such thing."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """It contradicts what is there."""

    status = 409
    title = "Conflict"


class TooLarge(Problem):
    """More than is taken at once."""

    status = 413
    title = "Too large"


class Unavailable(Problem):
    """A part of the installation is away; nothing was changed."""

    status = 503
    title = "Unavailable"
