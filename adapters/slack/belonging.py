"""Whose workspace a request is of, and which workspace a person belongs to.

A person is (workspace, user id). Those of another organisation, who come through Slack Connect, keep their
own workspace: https://docs.slack.dev/apis/slack-connect
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

from adapters.inbound import Refusal, Refused
from adapters.slack import place

REHEARSAL_TEAM: Final = "T_REHEARSAL"
"""Stands for the provider's own workspace in a rehearsal; none of Slack's ids has an underscore."""


class Home(msgspec.Struct, frozen=True):
    """What the provider is: its workspace (or organisation), and which addresses it may answer to."""

    team: str
    may_answer: Callable[[str], bool]


def require(home: Home, named: Iterable[str | None]) -> None:
    """Raise Refused unless one of the workspaces that a request names is the provider's."""
    if {home.team, REHEARSAL_TEAM}.isdisjoint(named):
        raise Refused(
            Refusal.WRONG_WORKSPACE,
            "the request is of another Slack workspace; compare team_id with the workspace's id (T…)",
        )


def kind_of(conversation: str, *, external: bool = False) -> Literal["channel", "direct", "external"]:
    """What kind of place a conversation is."""
    if place.is_direct(conversation):
        return "direct"
    return "external" if external else "channel"
