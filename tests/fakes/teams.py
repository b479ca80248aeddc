"""A stand-in for Microsoft Teams: the login, the Bot Framework's connector and where its keys are."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Posted, Refused, Reply
from tests.fakes.teams_speaking import TeamsPeople

Shape = Mapping[str, tuple[frozenset[str], frozenset[str]]]

# The vendor counts the payload as UTF-16 and names 28, 40 and 100 KB in different places: the strictest.
MAX_BYTES_UTF16: Final = 28 * 1024
MAX_ACTIONS: Final = 6

_CHANNEL: Final = re.compile(r"19:[^;|]+@thread\.(?:tacv2|skype)")
_THREAD: Final = re.compile(r"(19:[^;|]+@thread\.(?:tacv2|skype));messageid=(\d+)")
_CHAT: Final = re.compile(r"19:[^;|]+@(?:thread\.v2|unq\.gbl\.spaces)|a:[^|]+")
_ADDRESS: Final = re.compile(r"https?://\S+")

# Of each element and action: what it must have and what it may have (https://adaptivecards.io/explorer/).
_SHARED: Final = frozenset(
    {"type", "id", "spacing", "separator", "isVisible", "height", "fallback", "requires"}
)
_ELEMENTS: Final[Shape] = {
    "TextBlock": (
        frozenset({"text"}),
        frozenset(
            {"color", "fontType", "horizontalAlignment", "isSubtle", "maxLines", "size", "weight", "wrap"}
        ),
    ),
    "RichTextBlock": (frozenset({"inlines"}), frozenset({"horizontalAlignment"})),
    "FactSet": (frozenset({"facts"}), frozenset()),
    "Container": (frozenset({"items"}), frozenset({"style", "bleed", "selectAction", "minHeight"})),
    "Image": (frozenset({"url"}), frozenset({"altText", "size", "style", "width", "horizontalAlignment"})),
    "ActionSet": (frozenset({"actions"}), frozenset()),
    "Input.ChoiceSet": (
        frozenset({"id", "label", "choices"}),
        frozenset({"value", "placeholder", "style", "isMultiSelect", "isRequired", "errorMessage", "wrap"}),
    ),
    "Input.Text": (
        frozenset({"id", "label"}),
        frozenset(
            {"value", "placeholder", "isMultiline", "maxLength", "isRequired", "errorMessage", "style"}
        ),
    ),
}
_RUN: Final = frozenset({"type", "text", "color", "isSubtle", "italic", "size", "strikethrough", "weight"})
_ACTIONS: Final[Shape] = {
    "Action.Execute": (frozenset({"title", "verb"}), frozenset({"data", "style", "tooltip", "mode"})),
    "Action.Submit": (frozenset({"title"}), frozenset({"data", "style", "tooltip", "mode"})),
    "Action.OpenUrl": (frozenset({"title", "url"}), frozenset({"style", "tooltip", "mode"})),
}
_CARD: Final = frozenset(
    {"type", "version", "$schema", "body", "actions", "fallbackText", "speak", "lang", "msteams"}
)
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "color": frozenset({"default", "dark", "light", "accent", "good", "warning", "attention"}),
    "weight": frozenset({"default", "lighter", "bolder"}),
    "size": frozenset({"default", "small", "medium", "large", "extralarge", "auto", "stretch"}),
    "spacing": frozenset({"default", "none", "small", "medium", "large", "extralarge", "padding"}),
}
_CONTAINER_STYLES: Final = frozenset({"default", "emphasis", "good", "attention", "warning", "accent"})
_ACTION_STYLES: Final = frozenset({"default", "positive", "destructive"})


class TeamsFake(FakePlatform, TeamsPeople):
    """Knows one bot (`app_id`, `app_password`, `tenant`); any well-formed conversation but `missing_channel`.

    A message's id here is `<conversation>|<activity>`; its `parent` is the id of its thread's root.
    """

    platform: ClassVar[str] = "teams"
    # https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
    channel_windows: ClassVar[tuple[tuple[int, float], ...]] = ((7, 1), (8, 2), (60, 30), (1800, 3600))
    provider_windows: ClassVar[tuple[tuple[int, float], ...]] = ((50, 1),)

    def __init__(self, *, open_channels: bool = True, **base: Any) -> None:
        super().__init__(**base)
        self.open_channels = open_channels
        self.app_id = "5a1c2a2e-0f5d-4b8c-9d3e-7b6a5c4d3e2f"
        self.app_password = "s3cr3t~of.the-app_0123456789abcdef"
        self.tenant = "3f3d1cea-7a18-41af-872b-cfbbd5140984"
        self.team_id = "19:general@thread.tacv2"
        self.missing_channel = "19:missing@thread.tacv2"
        self._clock = itertools.count(1_776_390_257_332)
        self.reset()

    def reset(self) -> None:
        """As new: nothing posted, given, called or to fail; the team as it was."""
        for records in (self.calls, self.messages, self.refusals, self._routes, self._faults):
            records.clear()
        self.channels: dict[str, str | None] = {
            self.team_id: None,
            "19:incidents@thread.tacv2": "Incidents",
            "19:critical@thread.tacv2": "Critical",
        }
        self.not_installed: set[str] = set()
        """Conversations whose team or person has not installed the bot."""
        self.members: list[dict[str, Any]] = [
            _member("29:1dana", "Dana Scully", "dana@example.com", "00000000-0000-4000-8000-000000000001"),
            _member("29:1fox", "Fox Mulder", "fox@example.com", "00000000-0000-4000-8000-000000000002"),
            _member("29:1walter", "Walter Skinner", "walter@example.com", None),
        ]
        self.page_size = 500
        """The most members in one page, whatever is asked for."""
        self.tokens: set[str] = set()
        self.token_seconds = 3599
        self._people: dict[str, str] = {}
        self.start_speaking()
        self._add_routes()

    def _add_routes(self) -> None:
        activities = r".*/v3/conversations/([^/]+)/activities"
        self.route("POST", r"/([^/]+)/oauth2/v2\.0/token", self._give_token)
        self.route("GET", r"/v1/\.well-known/openidconfiguration", self._show_metadata)
        self.route("POST", r".*/v3/conversations", self._authorised(self._create))
        self.route("POST", activities, self._authorised(self._send_to))
        self.route("PUT", rf"{activities}/([^/]+)", self._authorised(self._update))
        self.route("DELETE", rf"{activities}/([^/]+)", self._authorised(self._delete))
        self.route("GET", r".*/v3/conversations/([^/]+)/pagedmembers", self._authorised(self._page))
        self.route("GET", r".*/v3/conversations/([^/]+)/members/([^/]+)", self._authorised(self._member))
        self.route("GET", r".*/v3/teams/([^/]+)/conversations", self._authorised(self._list))
        self.route("GET", r"/v1/\.well-known/keys", lambda _: Reply({"keys": self.published_keys()}))

    # What tests use.

    def add_channel(self, id: str, name: str | None = None) -> None:
        """A channel of the team."""
        self.channels[id] = name

    def revoke_tokens(self) -> None:
        """All tokens given so far are refused from now on."""
        self.tokens.clear()

    def forget(self, id: str) -> None:
        """Somebody deletes a message in Teams."""
        del self.messages[id]

    def too_many(self, wait: float) -> Reply:
        return _error(429, "Throttled", "Too many requests.", {"retry-after": str(int(wait) + 1)})

    # The login and the keys.

    def _give_token(self, call: Call) -> Reply:
        form = call.form
        if not call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refused(_login_error(400, "invalid_request", 900144))
        if form.get("grant_type") != "client_credentials":
            raise Refused(_login_error(400, "unsupported_grant_type", 70003))
        if call.match[0] not in (self.tenant, "botframework.com"):
            raise Refused(_login_error(400, "invalid_request", 90002))
        if form.get("scope") != "https://api.botframework.com/.default":
            raise Refused(_login_error(400, "invalid_scope", 70011))
        if form.get("client_id") != self.app_id:
            raise Refused(_login_error(400, "unauthorized_client", 700016))
        if form.get("client_secret") != self.app_password:
            raise Refused(_login_error(401, "invalid_client", 7000215))
        token = f"eyJ.{secrets.token_urlsafe(24)}.sig"
        self.tokens.add(token)
        seconds = self.token_seconds
        return Reply(
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": token,
            }
        )

    def _show_metadata(self, _: Call) -> Reply:
        return Reply(
            {
                "issuer": "https://api.botframework.com",
                "jwks_uri": f"{self.url}/v1/.well-known/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    def _authorised(self, handler: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
        def checked(call: Call) -> Reply:
            kind, _, token = call.headers.get("authorization", "").partition(" ")
            if kind != "Bearer" or token not in self.tokens:
                raise Refused(Reply({"message": "Authorization has been denied for this request."}, 401))
            return handler(call)

        return checked

    # Messages.

    def _create(self, call: Call) -> Reply:
        body = _json(call)
        _only(body, {"isGroup", "activity", "channelData", "tenantId", "members", "bot"}, "conversation")
        if body.get("tenantId", self.tenant) != self.tenant:
            raise Refused(_error(403, "NotEnoughPermissions", "The tenant is not the bot's."))
        return self._create_thread(body, call) if body.get("isGroup") else self._open_chat(body)

    def _create_thread(self, body: dict[str, Any], call: Call) -> Reply:
        channel = body.get("channelData", {}).get("channel", {}).get("id", "")
        if "activity" not in body or not _CHANNEL.fullmatch(channel):
            raise Refused(_error(400, "BadSyntax", "Incorrect conversation creation parameters"))
        self._admit(channel)
        self._take(body["activity"], call, channel)
        root = str(next(self._clock))
        thread = f"{channel};messageid={root}"
        self._record(channel, f"{thread}|{root}", body["activity"], parent=None)
        return Reply({"id": thread, "activityId": root}, 201)

    def _open_chat(self, body: dict[str, Any]) -> Reply:
        members = body.get("members", [])
        if len(members) != 1 or set(members[0]) != {"id"}:
            raise Refused(_error(400, "BadSyntax", "Incorrect conversation creation parameters"))
        person = members[0]["id"]
        if person in self.not_installed:
            raise Refused(_error(403, "ForbiddenOperationException", "The bot is not installed."))
        known = {member[key] for member in self.members for key in ("id", "aadObjectId")}
        if person not in known and not self.open_channels:
            raise Refused(_error(403, "BotNotInConversationRoster", "Not a member."))
        return Reply({"id": self.chat_of(person)}, 201)

    def chat_of(self, user: str) -> str:
        return self._people.setdefault(user, f"a:chat-{len(self._people) + 1}")

    def _send_to(self, call: Call) -> Reply:
        conversation = call.match[0]
        body = _json(call)
        channel, root = self._place(conversation)
        self._take(body, call, channel)
        answered = body.get("replyToId")
        activity = str(next(self._clock))
        if _CHANNEL.fullmatch(conversation):  # the connector starts a thread here as well
            conversation = f"{conversation};messageid={activity}"
        parent = root or (f"{conversation}|{answered}" if answered else None)
        self._record(channel, f"{conversation}|{activity}", body, parent=parent)
        return Reply({"id": activity}, 201)

    def _update(self, call: Call) -> Reply:
        conversation, activity = call.match
        body = _json(call)
        channel, _ = self._place(conversation)
        existing = self._existing(conversation, activity)
        self._take(body, call, channel)
        self.change(existing, body)
        return Reply({"id": activity})

    def _delete(self, call: Call) -> Reply:
        self._place(call.match[0])
        self.forget(self._existing(*call.match))
        return Reply(None)

    def _place(self, conversation: str) -> tuple[str, str | None]:
        """The channel of a conversation, and the id of its thread's root."""
        thread = _THREAD.fullmatch(conversation)
        if not thread:
            self._admit(conversation)
            return conversation, None
        self._admit(thread[1])
        root = f"{conversation}|{thread[2]}"
        if root not in self.messages and thread[2] not in self._said:
            raise Refused(_error(404, "ActivityNotFoundInConversation", "Conversation not found."))
        return thread[1], root

    def _admit(self, conversation: str) -> None:
        """Raise what Teams answers for a conversation that the bot may not use."""
        if not (_CHANNEL.fullmatch(conversation) or _CHAT.fullmatch(conversation)):
            raise Refused(_error(400, "BadSyntax", "Bad format of conversation ID"))
        if conversation in self.not_installed:
            raise Refused(
                _error(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
            )
        known = conversation in self.channels or conversation in self._people.values()
        if conversation == self.missing_channel or not (known or self.open_channels):
            raise Refused(_error(404, "ConversationNotFound", "Conversation not found."))

    def _existing(self, conversation: str, activity: str) -> str:
        wanted = f"{conversation}|{activity}"
        if wanted not in self.messages:
            raise Refused(_error(404, "ActivityNotFoundInConversation", "Conversation not found."))
        return wanted

    def _take(self, activity: Any, call: Call, channel: str) -> None:
        """All that is checked of an activity before it is shown."""
        if len(call.body.decode().encode("utf-16-le")) > MAX_BYTES_UTF16:
            raise Refused(_error(413, "MessageSizeTooBig", "Message size too large."))
        _check_activity(activity)
        self.check_rate(channel)

    def _record(self, channel: str, id: str, activity: dict[str, Any], *, parent: str | None) -> Posted:
        nonce = activity.get("channelData", {}).get("nonce")
        posted = self.keep(channel, activity, id=id, nonce=nonce, parent=parent)
        self.shown_by_bot(posted)
        return posted

    def check_card(self, card: dict[str, Any]) -> None:
        try:
            _check_card(card)
        except Refused as refused:
            raise AssertionError(refused.reply.body) from None

    # Looking up.

    def _page(self, call: Call) -> Reply:
        self._admit(call.match[0])
        size = int(call.query.get("pageSize", "200"))
        if not 50 <= size <= 500:
            raise Refused(_error(400, "BadArgument", "pageSize"))
        start = int(call.query.get("continuationToken", "0"))
        end = start + min(size, self.page_size)
        page: dict[str, Any] = {"members": self.members[start:end]}
        return Reply(page | ({"continuationToken": str(end)} if end < len(self.members) else {}))

    def _member(self, call: Call) -> Reply:
        self._admit(call.match[0])
        found = [member for member in self.members if call.match[1] in (member["id"], member["aadObjectId"])]
        if not found:
            raise Refused(_error(404, "MemberNotFoundInConversation", "Member not found in conversation."))
        return Reply(found[0])

    def _list(self, call: Call) -> Reply:
        if call.match[0] != self.team_id:
            raise Refused(_error(404, "ConversationNotFound", "Team not found."))
        listed = [{"id": channel, "name": name} for channel, name in self.channels.items()]
        return Reply({"conversations": listed})


def _member(id: str, name: str, email: str, directory_id: str | None) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "email": email,
        "userPrincipalName": email,
        "aadObjectId": directory_id,
        "userRole": "user",
    }


def _error(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply({"error": {"code": code, "message": text}}, status, headers or {})


def _login_error(status: int, code: str, number: int) -> Reply:
    text = f"AADSTS{number}: the login says why. Trace ID: 0"
    return Reply({"error": code, "error_description": text, "error_codes": [number]}, status)


def _json(call: Call) -> dict[str, Any]:
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise Refused(_error(415, "BadArgument", "Content-Type"))
    try:
        body = call.json
    except ValueError:
        raise Refused(_bad("not JSON")) from None
    if not isinstance(body, dict):
        raise Refused(_bad("not an object"))
    return body


def _bad(what: str) -> Reply:
    return _error(400, "BadArgument", what)


def _only(given: dict[str, Any], known: set[str] | frozenset[str], what: str) -> None:
    unknown = set(given) - known
    if unknown:
        raise Refused(_bad(f"{what}: unknown {sorted(unknown)}"))


def _check_activity(activity: Any) -> None:
    if not isinstance(activity, dict) or activity.get("type") != "message":
        raise Refused(_bad("an activity must be a message"))
    known = {"type", "summary", "text", "attachments", "channelData", "replyToId", "from", "importance"}
    _only(activity, known, "activity")
    attachments = activity.get("attachments", [])
    if not activity.get("text") and not attachments:
        raise Refused(_bad("an activity must have text or an attachment"))
    for attachment in attachments:
        _only(attachment, {"contentType", "content"}, "attachment")
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
            raise Refused(_bad("unknown attachment"))
        _check_card(attachment.get("content", {}))


def _check_card(card: dict[str, Any]) -> None:
    _only(card, _CARD, "card")
    if card.get("type") != "AdaptiveCard" or not re.fullmatch(r"1\.[0-5]", str(card.get("version"))):
        raise Refused(_bad("unknown card"))
    for element in card.get("body", []):
        _check_element(element)
    _check_inputs(card)
    _check_mentions(card)
    actions = card.get("actions", [])
    if len(actions) > MAX_ACTIONS:
        raise Refused(_bad("too many actions"))
    for action in actions:
        _check_action(action)


def _check_element(element: dict[str, Any]) -> None:
    _check_shape(element, _ELEMENTS)
    for key, words in _WORDS.items():
        if key in element and str(element[key]).lower() not in words:
            raise Refused(_bad(f"unknown {key}"))
    if element["type"] == "Container" and element.get("style", "default").lower() not in _CONTAINER_STYLES:
        raise Refused(_bad("unknown style"))
    if element["type"] == "TextBlock":
        _check_text(element["text"])
    if not _ADDRESS.fullmatch(element.get("url", "https://left.out")):
        raise Refused(_bad("unknown address"))
    _check_parts(element)
    for inner in element.get("items", []):
        _check_element(inner)
    for action in element.get("actions", []):
        _check_action(action)


def _check_parts(element: dict[str, Any]) -> None:
    for run in element.get("inlines", []):
        _only(run, _RUN, "run")
        _check_text(run.get("text"))
    for fact in element.get("facts", []):
        if set(fact) != {"title", "value"} or not all(isinstance(text, str) for text in fact.values()):
            raise Refused(_bad("unknown fact"))
    for choice in element.get("choices", []):
        if set(choice) != {"title", "value"} or not all(choice.values()):
            raise Refused(_bad("unknown choice"))


def _check_inputs(card: dict[str, Any]) -> None:
    """Values come back by the inputs' ids, which must differ from each other and from what buttons send."""
    ids = [part["id"] for part in card.get("body", []) if part["type"].startswith("Input.")]
    if len(set(ids)) != len(ids) or {"action", "value", "menu", "form"} & set(ids):
        raise Refused(_bad("two inputs of one id"))


def _check_mentions(card: dict[str, Any]) -> None:
    """Each entity must stand for a text of the card, or Teams ignores it."""
    entities = card.get("msteams", {}).get("entities", [])
    texts = " ".join(part.get("text", "") for part in card.get("body", []))
    for entity in entities:
        _only(entity, {"type", "text", "mentioned"}, "mention")
        if entity["text"] not in texts or set(entity["mentioned"]) != {"id", "name"}:
            raise Refused(_bad("a mention that stands for nothing"))


def _check_action(action: dict[str, Any]) -> None:
    _check_shape(action, _ACTIONS)
    _check_text(action["title"])
    if str(action.get("style", "default")).lower() not in _ACTION_STYLES:
        raise Refused(_bad("unknown style"))
    if "url" in action and not _ADDRESS.fullmatch(action["url"]):
        raise Refused(_bad("unknown address"))
    fallback = action.get("fallback")
    if isinstance(fallback, dict):
        _check_action(fallback)
    elif fallback not in (None, "drop"):
        raise Refused(_bad("unknown fallback"))


def _check_shape(part: dict[str, Any], shapes: Shape) -> None:
    shape = shapes.get(part.get("type", ""))
    if shape is None:
        raise Refused(_bad(f"unknown {part.get('type')}"))
    required, optional = shape
    if not required <= set(part):
        raise Refused(_bad(f"{part['type']}: missing {sorted(required - set(part))}"))
    _only(part, _SHARED | required | optional, part["type"])


def _check_text(text: Any) -> None:
    """Teams shows nothing for an empty text, and refuses one that is none."""
    if not isinstance(text, str) or not text:
        raise Refused(_bad("a text is missing"))
