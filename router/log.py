"""Structured logs: JSON lines, or coloured text on a terminal; never a body, a token or an address."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, Final, TextIO, cast

import structlog

_HIDDEN: Final = ("token", "secret", "password", "authorization", "body")


def configure(*, debug: bool) -> None:
    """Set the process's logging up; `debug` is CHATOPS_DEBUG."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide,
            structlog.processors.format_exc_info if debug else _without_traceback,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(cast("TextIO", _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")


class _Stderr:
    """The standard error of the moment. A log that cannot be written (a full disk, a closed pipe) is lost:
    it must not take the work with it that it tells of."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def hide(_logger: Any, _method: str, event: Any) -> Any:
    """Replace the value of every key that sounds like a secret."""
    for key in event:
        if any(word in key.lower() for word in _HIDDEN):
            event[key] = "…"
    return event


def _without_traceback(_logger: Any, _method: str, event: Any) -> Any:
    event.pop("exc_info", None)
    return event
