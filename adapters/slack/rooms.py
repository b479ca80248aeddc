"""War rooms: public channels that the bot makes, fills and archives."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.contract import DeliveryError, Reason
from adapters.inbound import Room
from adapters.slack import limits
from adapters.slack.api import MAX_PAGES, Conversation, Conversations, Refusal, Said, WebApi

# https://docs.slack.dev/interactivity/deep-linking#open_a_channel
_LINK: Final = "https://slack.com/app_redirect?channel={channel}&team={team}"

_THERE: Final = frozenset({"already_in_channel", "cant_invite_self"})
# https://docs.slack.dev/reference/methods/conversations.invite#errors : those that are about the person.
_NOT_LET_IN: Final = frozenset(
    {
        "cant_invite",
        "invitee_cant_see_channel",
        "no_external_invite_permission",
        "team_access_not_granted",
        "ura_max_channels",
        "user_is_restricted",
        "user_is_ultra_restricted",
        "user_not_found",
        "users_not_found",
        "no_user",
    }
)
_ARCHIVED: Final = frozenset({"already_archived", "is_archived"})


class _Made(Said):
    channel: Conversation | None = None


class _NotInvited(msgspec.Struct):
    user: str = ""
    error: str = ""


class _Invited(Said):
    errors: tuple[_NotInvited, ...] = ()


class WarRooms:
    """See adapters.inbound.Rooms. All of it needs channels:manage."""

    def __init__(self, api: WebApi) -> None:
        self._api = api

    async def open_room(self, name: str, topic: str) -> Room:
        try:
            made = (await self._api.ask("conversations.create", _Made, name=name)).channel
        except Refusal as refused:
            if refused.code != "name_taken":
                raise
            made = await self._own(name)
        if made is None:
            raise DeliveryError(Reason.BAD_ANSWER, "Slack answered without a channel", may_have_arrived=True)
        if topic:
            # Plain text: "Does not support formatting or linkification."
            short = topic[: limits.MAX_TOPIC]
            await self._api.ask("conversations.setTopic", Said, channel=made.id, topic=short)
        team = (await self._api.identity())[0].team_id
        url = _LINK.format(channel=made.id, team=team)
        return Room(channel=made.id, name=made.name or name, url=url)

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        left_out: list[str] = []
        for at in range(0, len(users), limits.MAX_INVITED):
            left_out += await self._invite(channel, users[at : at + limits.MAX_INVITED])
        return tuple(left_out)

    async def close_room(self, channel: str, name: str) -> None:
        try:
            await self._api.ask("conversations.archive", Said, channel=channel)
        except Refusal as refused:
            if refused.code in _ARCHIVED:
                return
            if refused.reason is not Reason.FORBIDDEN and not refused.code.startswith("cant_archive"):
                raise
            await self._rename(channel, name)

    async def _rename(self, channel: str, name: str) -> None:
        try:
            await self._api.ask("conversations.rename", Said, channel=channel, name=name)
        except Refusal as refused:
            if refused.code != "name_taken":
                raise
            found = (await self._api.ask("conversations.info", _Made, channel=channel)).channel
            if found is None or found.name != name:
                raise

    async def _own(self, name: str) -> Conversation:
        """The channel of that name, if this bot made it and it is open."""
        bot = (await self._api.identity())[0].user_id
        listed = self._api.pages(
            "conversations.list", Conversations, MAX_PAGES, types="public_channel", exclude_archived="false"
        )
        async for page in listed:
            for found in page.channels:
                if found.name != name:
                    continue
                if found.creator != bot:
                    break
                if found.is_archived:
                    # "Bot tokens cannot currently be used to unarchive conversations."
                    # https://docs.slack.dev/reference/methods/conversations.unarchive
                    raise _taken(name, "is archived, and only a person can unarchive it")
                return found
        raise _taken(name, "belongs to somebody else; rename it or choose another name")

    async def _invite(self, channel: str, users: tuple[str, ...]) -> list[str]:
        """With `force` Slack lets in whom it can; where it refuses all the same, one by one."""
        try:
            said = await self._api.ask(
                "conversations.invite", _Invited, channel=channel, users=",".join(users), force="true"
            )
        except Refusal as refused:
            if refused.code not in _THERE | _NOT_LET_IN:
                raise
            if len(users) > 1:
                return [out for user in users for out in await self._invite(channel, (user,))]
            return [] if refused.code in _THERE else [*users]
        return [one.user for one in said.errors if one.user and one.error not in _THERE]


def _taken(name: str, why: str) -> DeliveryError:
    return DeliveryError(Reason.REJECTED, f"the channel #{name} exists already and {why}")
