"""Pictures for chat platforms to fetch: public by design, under addresses that nobody can guess."""

from __future__ import annotations

from typing import Final

from litestar import Response, Router, get
from litestar.params import FromPath

from api.http.context import Call, context_of
from router.chat.shipped import gallery
from router.problems import NotFound

_SUFFIX: Final = ".png"
_HEADERS: Final = {
    "cache-control": "public, max-age=86400, immutable",
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


@get("/pictures/{name:str}", summary="A picture that a message shows")
async def show_picture(request: Call, name: FromPath[str]) -> Response[bytes]:
    """Without a token, as platforms have none; gone after a week, and not served on an inner network."""
    parts = context_of(request).parts
    stem = name.removesuffix(_SUFFIX)
    png = None
    if name.endswith(_SUFFIX) and gallery.served(parts.settings):
        png = await gallery.find(parts.store, stem)
    if png is None:
        raise NotFound("there is no such picture; pictures are kept for 7 days")
    return Response(png, media_type="image/png", headers=dict(_HEADERS))


ROUTER = Router("/", route_handlers=[show_picture], tags=["pictures"])
