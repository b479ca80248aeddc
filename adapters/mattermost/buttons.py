"""Connecting a post's buttons and menus to the router, with a secret of their own in each message.

Mattermost sends a button's context back when it is pressed and shows it to nobody, but signs nothing; so the
secret in it is all that tells a press from a forgery. It is an HMAC under the bot's token of what only this
message has and of what the button does: nothing has to be stored, and a secret that leaks serves for that
one button. The server adds the chosen option to a menu's context without looking whether it was offered, so
that the offered ones are in the context, and signed, too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from adapters.contract import Action, Menu, Message
from adapters.mattermost.controls import Integration, choices, sources
from adapters.mattermost.escape import link_target
from adapters.mattermost.render import NOTHING, Post

Signs = Callable[[str], str]
"""The secret that a token makes of a context."""


def secret_for(token: str, mark: str, action: str, value: str) -> str:
    """The secret of one button: `mark` is the message's nonce, or its id once it was edited."""
    return _sealed(token, "\n".join(("im-button", mark, action, value)).encode("utf-8", "replace"))


def menu_secret(token: str, mark: str, menu: str, about: str, offered: Iterable[str]) -> str:
    """The secret of one menu: as a button's, and of the values that it offers (none: people)."""
    return _sealed(token, msgspec.json.encode(("im-menu", mark, menu, about, *offered)))


def genuine(context: Mapping[str, Any], tokens: Iterable[str]) -> bool:
    """Whether a context that came back was made here with one of the bot's tokens; in constant time."""
    signs = _menu_signs(context) if "menu" in context else _button_signs(context)
    secret = context.get("secret")
    if signs is None or not isinstance(secret, str):
        return False
    given = secret.encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, signs(token).encode()) for token in tokens]
    return any(matches)


def connect(post: Post, message: Message, *, callback_url: str, token: str, mark: str) -> Post:
    """The post with its controls leading to `callback_url`; without an address it has none."""
    shown = sources(message)
    if not post.props.attachments or not shown:
        return post
    attachment = post.props.attachments[0]
    controls = tuple(
        msgspec.structs.replace(control, integration=_integration(source, callback_url, token, mark))
        for control, source in zip(attachment.actions, shown, strict=True)
        if callback_url
    )
    attachment = msgspec.structs.replace(attachment, actions=controls)
    left = (attachment,) if attachment.has_content() else ()
    return msgspec.structs.replace(
        post,
        message=post.message if post.message or left else NOTHING,
        props=msgspec.structs.replace(post.props, attachments=left),
    )


def _sealed(token: str, signed: bytes) -> str:
    return hmac.new(token.encode(), signed, hashlib.sha256).hexdigest()


def _button_signs(context: Mapping[str, Any]) -> Signs | None:
    told = [context.get(key, "") for key in ("mark", "action", "value")]
    if not all(isinstance(part, str) for part in told):
        return None
    mark, action, value = told
    return lambda token: secret_for(token, mark, action, value)


def _menu_signs(context: Mapping[str, Any]) -> Signs | None:
    told = [context.get(key, "") for key in ("mark", "menu", "about")]
    offered = context.get("offered", [])
    if not isinstance(offered, list) or not all(isinstance(part, str) for part in (*told, *offered)):
        return None
    mark, menu, about = told
    return lambda token: menu_secret(token, mark, menu, about, offered)


def _integration(source: Action | Menu, callback_url: str, token: str, mark: str) -> Integration:
    made = _button(source, token, mark) if isinstance(source, Action) else _menu(source, token, mark)
    return Integration(url=callback_url, context=made)


def _button(action: Action, token: str, mark: str) -> dict[str, Any]:
    context = {
        "action": action.id,
        "value": action.value,
        "mark": mark,
        "secret": secret_for(token, mark, action.id, action.value),
    }
    url = link_target(action.url)
    return context | {"url": url} if url else context


def _menu(menu: Menu, token: str, mark: str) -> dict[str, Any]:
    offered = [] if menu.people else [choice.value for choice in choices(menu)]
    return {
        "menu": menu.id,
        "about": menu.about,
        "offered": offered,
        "mark": mark,
        "secret": menu_secret(token, mark, menu.id, menu.about, offered),
    }
