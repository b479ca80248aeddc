"""The time zone that a speaker's words and answers are in."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from router.chat.asked import Asked, World


def zone_of(world: World, asked: Asked) -> ZoneInfo:
    """The speaker's time zone: their account's, their team's, else the installation's."""
    account = asked.speaker.account
    if account and account.timezone:
        return ZoneInfo(account.timezone)
    name = account.name if account else asked.speaker.label
    teams = (team for team in world.roster.live.current.teams.values() if name in team.members)
    return ZoneInfo(next((team.timezone for team in teams), world.parts.settings.timezone))
