"""The commands beside the lifecycle: silence, broadcast, link."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from router import announce, compose, ids
from router.chat.asked import Answer, Asked, World, done, refused
from router.chat.commands import Command, command
from router.chat.usage import INCIDENT, Misused
from router.incidents import Incident
from router.people.people import Identity
from router.silences import silences
from router.silences.silences import NewSilence, Wanted


async def silence(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Mute an incident or a service for a while."""
    named = asked.argument("service")
    lasts = asked.argument("duration")
    if lasts is None:
        raise Misused("say for how long, such as 2h or 30m")
    service = (world.roster.live.current.service(named) or named) if named else None
    wanted = Wanted(service=service, incident=asked.argument(INCIDENT), severity=asked.argument("severity"))
    reason = asked.argument("reason") or ""
    given = NewSilence(matchers=wanted, lasts=lasts, reason=reason)
    made = await silences.add(
        world.parts.store,
        given,
        actor=asked.name,
        now=asked.at,
        timezone=ZoneInfo(world.parts.settings.timezone),
        id=asked.id,
    )
    what = asked.argument(INCIDENT) or service
    length = compose.duration(made.ends_at - asked.at)
    return done(f"Silenced {what} for {length}. What is held back is told at the end.", incident)


async def broadcast(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Tell every provider's default channel."""
    text = asked.argument("text") or ""
    placed = [
        (provider.name, provider.config.default_channel)
        for provider in world.parts.directory.providers.values()
        if provider.notifies and provider.config.default_channel
    ]
    if not placed:
        return refused("there is no active provider with a default channel")
    message = announce.plain(text)
    await announce.enqueue(world.parts.store, placed, message, urgent=False, key=asked.id)
    await world.parts.waker.wake()
    return done(f"Sent to {len(placed)} channel{'' if len(placed) == 1 else 's'}.")


async def link(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Link this chat user to an account: ask for a code here, and give it where the account is known."""
    who = Identity(
        platform=asked.provider.platform, workspace=asked.given.workspace, user=asked.given.user.id
    )
    code = asked.argument("code")
    if code is not None:
        joined = await world.people.use_code(code, who, label=asked.speaker.label)
        whom = "You are" if joined.identity == who else f"{joined.label} ({joined.identity.text}) is"
        return done(f"{whom} linked to the account {joined.account.name}.")
    fresh = await world.people.issue_code(who, asked.speaker)
    where = (
        "Type `/im link` with it where you are not linked yet."
        if asked.speaker.account
        else "Type `/im link` with it where you are linked, or give it to an admin."
    )
    # Headlines are put into the audit, texts are not.
    answer = done("Here is your code.", text=f"{fresh}\n{where} It works once, for 10 minutes.")
    return answer if asked.given.channel_kind == "direct" else await _in_private(world, asked, answer)


async def _in_private(world: World, asked: Asked, answer: Answer) -> Answer:
    """Tell only the person who asked: not every platform can do that in a channel, and whoever reads a code
    can take the account."""
    assert answer.message is not None
    adapter = world.parts.adapters.connected(asked.provider).adapter
    await adapter.post(f"@{asked.given.user.id}", answer.message, nonce=ids.nonce(f"code {asked.id}"))
    return done("I have sent you a code in a direct message.")


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "silence",
        "[incident-id] [duration] [--sev|--severity severity] [--for duration] [service] [reason...]",
        "Stop notifications for a while.",
        silence,
        instead="service",
        example="/im silence checkout 2h deploy",
        role="commander",
        group="More",
    ),
    command(
        "broadcast",
        "<text...>",
        "Tell all chat platforms something.",
        broadcast,
        example='/im broadcast "Planned maintenance window: 2AM-4AM EST"',
        role="commander",
        group="More",
    ),
    command(
        "link",
        "[code]",
        "Link your chat user to your account.",
        link,
        example="/im link",
        role="viewer",
        group="More",
    ),
)
