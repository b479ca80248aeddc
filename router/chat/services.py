"""Services of the catalogue as people name them in questions."""

from __future__ import annotations

from router.catalogue.catalogue import Catalogue
from router.chat.usage import Misused

_LISTED = 8
_LONGEST = 60


def named(catalogue: Catalogue, text: str) -> str:
    """The catalogue's name of a service; Misused names those that were probably meant."""
    service = catalogue.service(text)
    if service is None:
        raise unknown(catalogue, text)
    return service


def unknown(catalogue: Catalogue, text: str) -> Misused:
    """What to say of a service that nobody knows: the near ones, else some that there are."""
    near = catalogue.near(text)
    if near:
        hint = f"; did you mean {' or '.join(near)}?"
    else:
        some = catalogue.names()[:_LISTED]
        more = ", …" if len(catalogue.names()) > _LISTED else ""
        hint = f"; there are {', '.join(some)}{more}" if some else ""
    return Misused(f"I do not know the service `{text[:_LONGEST]}`{hint}")
