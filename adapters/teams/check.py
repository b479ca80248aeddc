"""The connection test of Teams: which line each failure belongs to, and what mends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from adapters.contract import Check, DeliveryError, Reason
from adapters.teams.config import TeamsConfig
from adapters.teams.place import is_channel

Look = Callable[[], Awaitable[object]]

CONNECTED: Final = Check(name="connection", ok=True, text="Connected to Microsoft Teams")
PERMITTED: Final = Check(name="permissions", ok=True, text="Bot permissions verified")
ACCESSIBLE: Final = Check(name="default_channel", ok=True, text="Default channel accessible")
CONFIGURED: Final = Check(name="slash_commands", ok=True, text="Slash commands configured")
SWITCHED_OFF: Final = Check(name="slash_commands", ok=True, text="Slash commands are switched off")

_MEND_LOGIN: Final[Mapping[Reason, str]] = {
    Reason.UNAUTHORIZED: "compare app_id, app_password and tenant_id with the app's registration in Azure; "
    "a client secret may have expired",
    Reason.UNREACHABLE: "see whether this machine reaches login_base",
    Reason.TIMEOUT: "see whether this machine reaches login_base",
}
_MEND_CHANNEL: Final[Mapping[Reason, str]] = {
    Reason.FORBIDDEN: "install the app in the default channel's team, and allow it in the Teams admin centre",
    Reason.CHANNEL_NOT_FOUND: "set default_channel to the id in the channel's link, 19:…@thread.tacv2",
    Reason.REJECTED: "compare default_channel, team_id and service_url with what Teams shows",
    Reason.UNAUTHORIZED: "enable the Teams channel of the bot in Azure",
    Reason.UNREACHABLE: "see whether this machine reaches service_url",
    Reason.TIMEOUT: "see whether this machine reaches service_url",
}
_MEND_KEYS: Final = "see whether this machine reaches openid_metadata_url"
_MEND_OTHER: Final = "try again; if it stays so, see the Microsoft 365 service health"
_OF_THE_CHANNEL: Final = frozenset({Reason.FORBIDDEN, Reason.CHANNEL_NOT_FOUND, Reason.REJECTED})


_DEAF: Final = Check(
    name="features",
    ok=True,
    off=True,
    text="Commands, buttons and mentions are off: tenant_id is missing",
    mend="set tenant_id to the directory of your organisation; nothing from any other is taken",
)
_NO_ROOMS: Final = Check(
    name="features",
    ok=True,
    off=True,
    text="War rooms are off: default_channel is not a channel of a team",
    mend="set default_channel to a channel's id, 19:…@thread.tacv2",
)


async def checks(config: TeamsConfig, *, login: Look, channel: Look, keys: Look) -> tuple[Check, ...]:
    """The four lines, from three looks that raise DeliveryError, and a line for each feature that is off."""
    refused = await _failure(login)
    if refused:
        return _without_connection(refused, _MEND_LOGIN)
    refused = await _failure(channel)
    if refused and refused.reason not in _OF_THE_CHANNEL:
        return _without_connection(refused, _MEND_CHANNEL)
    commands = await _commands(keys) if config.enable_slash_commands else SWITCHED_OFF
    return (CONNECTED, *_access(refused), commands, *_off(config))


def _off(config: TeamsConfig) -> Iterator[Check]:
    if not config.tenant_id:
        yield _DEAF
    if not is_channel(config.default_channel):
        yield _NO_ROOMS


def _access(refused: DeliveryError | None) -> tuple[Check, Check]:
    if refused is None:
        return PERMITTED, ACCESSIBLE
    mend = _MEND_CHANNEL[refused.reason]
    inaccessible = Check(name="default_channel", ok=False, text=refused.detail, mend=mend)
    if refused.reason is Reason.FORBIDDEN:
        return Check(name="permissions", ok=False, text=refused.detail, mend=mend), inaccessible
    return PERMITTED, inaccessible  # the bot was let in, only the channel is wrong


async def _commands(keys: Look) -> Check:
    unreachable = await _failure(keys)
    if unreachable is None:
        return CONFIGURED
    return Check(name="slash_commands", ok=False, text=unreachable.detail, mend=_MEND_KEYS)


def _without_connection(error: DeliveryError, mends: Mapping[Reason, str]) -> tuple[Check, ...]:
    mend = mends.get(error.reason, _MEND_OTHER)
    return (
        Check(name="connection", ok=False, text=error.detail, mend=mend),
        *(
            Check(name=name, ok=False, text="Not checked without a connection", mend=mend)
            for name in ("permissions", "default_channel", "slash_commands")
        ),
    )


async def _failure(look: Look) -> DeliveryError | None:
    try:
        await look()
    except DeliveryError as error:
        return error
    return None
