"""Who speaks: the linked account, or the one whose e-mail address the platform vouches for."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from adapters.contract import DeliveryError
from adapters.inbound import Person, Vouches
from router.chat.asked import World
from router.people.people import Identity, Speaker
from router.targets import Provider

ASKED_AGAIN_SECONDS: Final = 600.0
"""A platform is not asked about the same person for each of their clicks."""
PATIENCE_SECONDS: Final = 2.0
_MOST: Final = 10_000

_asked: dict[Identity, float] = {}


async def speaking(world: World, provider: Provider, identity: Identity, person: Person) -> Speaker:
    """The speaker; somebody who is not linked is looked up by e-mail, where accounts have addresses.

    A platform that is slow or away leaves them unlinked for now.
    """
    speaker = await world.people.who(identity, person)
    adapter = world.parts.adapters.connected(provider).adapter
    if speaker.account is not None or person.email or not isinstance(adapter, Vouches):
        return speaker
    if not await world.people.any_emails() or _asked_lately(identity):
        return speaker
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            email = await adapter.email_of(person.id)
    except (DeliveryError, TimeoutError):
        return speaker
    if email is None:
        return speaker
    return await world.people.who(identity, msgspec.structs.replace(person, email=email))


def _asked_lately(identity: Identity) -> bool:
    now = time.monotonic()
    lately = _asked.get(identity, float("-inf")) > now - ASKED_AGAIN_SECONDS
    if not lately:
        if len(_asked) >= _MOST:
            _asked.clear()
        _asked[identity] = now
    return lately
