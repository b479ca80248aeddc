"""RE2 patterns: linear in the text, limited in memory, silent in the log."""

from __future__ import annotations

from typing import Any, Final

import re2

_MEMORY: Final = 4 * 1024 * 1024


def compile_pattern(pattern: str) -> Any:
    """A compiled pattern (re2 has no types); `.search(text)` as in `re`. Raises re2.error."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern, options)


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern; None when it is good."""
    try:
        compile_pattern(pattern)
    except re2.error as error:
        why = error.args[0] if error.args else "unknown problem"
        text = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        hint = (
            "; RE2 has no look-ahead, look-behind or back-references" if "(?" in text or "\\" in text else ""
        )
        return f"{text}{hint}"
    return None
