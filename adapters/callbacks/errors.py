"""Answers of callback servers that are no success, as reasons with what an admin can do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters import http
from adapters.contract import Answer, DeliveryError

_MENDS: Final[Mapping[int, str]] = {
    400: "it does not understand the callback; see that this is the right address for this kind",
    401: "it does not accept the signature; give both sides the same secret with `im sources update`",
    403: "it does not accept the signature; give both sides the same secret with `im sources update`",
    404: "there is nothing at this path; correct the address with `im sources update`",
    410: "it takes no callbacks any more; give another address, or none, with `im sources update`",
}
_MOVED: Final = "redirects are not followed; give the new address with `im sources update`"


def error_of(answer: Answer, who: str, mends: Mapping[int, str] = _MENDS) -> DeliveryError:
    """The failure that an answer outside 200 to 299 stands for; a rate limit is the whole server's."""
    error = http.failure(answer, who)
    mend = _MOVED if 300 <= answer.status < 400 else mends.get(answer.status, "")
    return DeliveryError(
        error.reason,
        f"{error.detail}: {mend}" if mend else error.detail,
        retry_after=error.retry_after,
        may_have_arrived=error.may_have_arrived,
        whole_provider=True,
    )
