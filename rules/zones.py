"""Names of time zones, checked with a mend."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from rules.reading import nearest, shown


def zone_problem(name: str) -> str | None:
    """What is wrong with the name of a time zone; None when it is good."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder such as "Europe"
        meant = nearest(name, available_timezones())
        mend = f"did you mean `{meant}`?" if meant else "write it like Europe/Berlin"
        return f"{shown(name)}: unknown time zone; {mend}"
    return None
