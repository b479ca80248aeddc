"""Errors as RFC 9457 problem details: one sentence, and the field where there is one."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from router.problems import Problem, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
_log = structlog.get_logger()

_WORDS: Final = {
    404: "there is nothing at this address; /schema lists what there is",
    405: "this address does not take that method; /schema lists what it takes",
    413: "the body is too large; send at most 8 MiB",
    415: "send JSON (Content-Type: application/json)",
}


def details(status: int, title: str, detail: str, errors: Any = ()) -> bytes:
    """The body of a problem."""
    shown = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        shown["errors"] = errors
    return msgspec.json.encode(shown)


def on_problem(_: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """A problem that the router states."""
    headers = {"retry-after": "1"} if isinstance(problem, Unavailable) else {}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    body = details(problem.status, problem.title, problem.detail, problem.fields)
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses by itself."""
    detail = _WORDS.get(error.status_code, error.detail)
    body = details(error.status_code, _title(error.status_code), detail)
    return Response(body, status_code=error.status_code, media_type=MEDIA_TYPE)


def on_crash(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A defect of ours: logged with its place, told without it."""
    _log.error(
        "request_crashed",
        path=request.url.path,
        error=type(error).__name__,
        place=place_of(error),
        exc_info=error,
    )
    body = details(500, "Internal error", "the server failed on this request; its log says where")
    return Response(body, status_code=500, media_type=MEDIA_TYPE)


def place_of(error: BaseException) -> str:
    """Where an error was raised, as `file.py:12 in name`; neither its text nor any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""


def _title(status: int) -> str:
    return {404: "Not found", 405: "Method not allowed", 413: "Too large", 415: "Unsupported"}.get(
        status, "Refused"
    )
