"""Connecting a post's buttons to the router, with a secret of their own in each message.

Mattermost sends a button's context back when it is pressed and shows it to nobody, but signs nothing; so the
secret in it is all that tells a press from a forgery. It is an HMAC under the bot's token of what only this
message has and of what the button does: nothing has to be stored, and a secret that leaks serves for that
one button.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import msgspec

from adapters.contract import Action, Message
from adapters.mattermost.escape import link_target
from adapters.mattermost.render import NOTHING, Integration, Post


def secret_for(token: str, mark: str, action: str, value: str) -> str:
    """The secret of one button: `mark` is the message's nonce, or its id once it was edited."""
    signed = "\n".join(("im-button", mark, action, value))
    return hmac.new(token.encode(), signed.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def genuine(context: Mapping[str, str], tokens: Iterable[str]) -> bool:
    """Whether a context that came back was made here with one of the bot's tokens; in constant time."""
    told = [context.get(key, "") for key in ("mark", "action", "value", "secret")]
    if not all(isinstance(part, str) for part in told):
        return False
    mark, action, value, secret = told
    given = secret.encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, secret_for(t, mark, action, value).encode()) for t in tokens]
    return any(matches)


def connect(post: Post, message: Message, *, callback_url: str, token: str, mark: str) -> Post:
    """The post with its buttons leading to `callback_url`; without an address it has none."""
    if not post.props.attachments or not message.actions:
        return post
    attachment = post.props.attachments[0]
    buttons = tuple(
        msgspec.structs.replace(button, integration=_integration(action, callback_url, token, mark))
        for button, action in zip(attachment.actions, message.actions, strict=True)
        if callback_url
    )
    attachment = msgspec.structs.replace(attachment, actions=buttons)
    left = (attachment,) if attachment.text or attachment.fields or buttons else ()
    return msgspec.structs.replace(
        post,
        message=post.message if post.message or left else NOTHING,
        props=msgspec.structs.replace(post.props, attachments=left),
    )


def _integration(action: Action, callback_url: str, token: str, mark: str) -> Integration:
    context = {
        "action": action.id,
        "value": action.value,
        "mark": mark,
        "secret": secret_for(token, mark, action.id, action.value),
    }
    url = link_target(action.url)
    if url:
        context["url"] = url
    return Integration(url=callback_url, context=context)
