"""The bodies that Discord takes: messages, components, modals and commands, with the form of its errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from tests.fakes.base import Refused, Reply

Path = tuple[str | int, ...]


def refuse(status: int, code: int, message: str, **more: Any) -> Refused:
    """Discord's form of an error."""
    return Refused(Reply({"message": message, "code": code, **more}, status))


class Form:
    """Collects what is wrong with a body, in the nested form in which Discord answers it."""

    def __init__(self) -> None:
        self.errors: dict[str, Any] = {}

    def wrong(self, path: Path, code: str, message: str) -> None:
        node = self.errors
        for part in path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def known(self, path: Path, given: Any, keys: Iterable[str]) -> dict[str, Any]:
        """The object at `path`, with only the keys that it may have."""
        if not isinstance(given, dict):
            self.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return {}
        for key in given.keys() - set(keys):
            self.wrong((*path, key), "BASE_TYPE_UNKNOWN", "This field is not known")
        return given

    def listed(self, path: Path, given: Any, most: int, least: int = 0) -> list[Any]:
        if not isinstance(given, list):
            self.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        if not least <= len(given) <= most:
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
        return given

    def text(self, path: Path, given: Any, most: int, *, required: bool = True) -> int:
        """The length that counts: Discord trims white space, and takes what is left for the text."""
        if given is None and not required:
            return 0
        if not isinstance(given, str):
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
            return 0
        size = len(given.strip())
        if size == 0 and required:
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
        if size > most:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        return size

    def choice(self, path: Path, given: Any, allowed: Iterable[Any]) -> None:
        if isinstance(given, bool) or given not in tuple(allowed):
            self.wrong(path, "BASE_TYPE_CHOICES", f"Value must be one of {tuple(allowed)}.")

    def flag(self, path: Path, given: Any) -> None:
        if given is not None and not isinstance(given, bool):
            self.wrong(path, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")

    def url(self, path: Path, given: Any, most: int) -> None:
        self.text(path, given, most)
        if isinstance(given, str) and urlsplit(given).scheme not in ("http", "https", "discord"):
            self.wrong(path, "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord').")

    def done(self) -> None:
        """Refused with all that was found."""
        if self.errors:
            raise refuse(400, 50035, "Invalid Form Body", errors=self.errors)


# https://discord.com/developers/docs/resources/message#create-message and #edit-message
ON_EDIT: Final = ("content", "embeds", "components", "allowed_mentions", "flags")
ON_CREATE: Final = (*ON_EDIT, "nonce", "enforce_nonce", "tts", "message_reference")
ON_FOLLOW_UP: Final = ("content", "embeds", "components", "allowed_mentions", "flags", "tts")
_EMBED: Final = ("title", "description", "url", "timestamp", "color", "footer", "author", "fields", "image")
_BUTTON: Final = ("type", "style", "label", "custom_id", "url", "disabled")


def check_body(body: Any, keys: Iterable[str]) -> None:
    """Raise Refused unless Discord would take this body."""
    form = Form()
    body = form.known((), body, keys)
    form.text(("content",), body.get("content"), 2000, required=False)
    total = 0
    for index, embed in enumerate(form.listed(("embeds",), body.get("embeds", []), 10)):
        total += _check_embed(form, ("embeds", index), embed)
    if total > 6000:
        form.wrong(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    _check_components(form, body.get("components", []))
    _check_mentions(form, body.get("allowed_mentions"))
    _check_nonce(form, body)
    _check_reference(form, body.get("message_reference"))
    form.done()
    if not (body.get("content") or "").strip() and not body.get("embeds") and not body.get("components"):
        raise refuse(400, 50006, "Cannot send an empty message")


def _check_embed(form: Form, path: Path, given: Any) -> int:
    embed = form.known(path, given, _EMBED)
    if not embed.keys() & {"title", "description", "footer", "author", "fields", "image"}:
        form.wrong((*path, "description"), "BASE_TYPE_REQUIRED", "This field is required")
    size = form.text((*path, "title"), embed.get("title"), 256, required="title" in embed)
    size += form.text((*path, "description"), embed.get("description"), 4096, required="description" in embed)
    colour = embed.get("color", 0)
    if not isinstance(colour, int) or isinstance(colour, bool) or not 0 <= colour <= 0xFFFFFF:
        form.wrong((*path, "color"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
    if "url" in embed:
        form.url((*path, "url"), embed["url"], 2048)
    if "image" in embed:
        image = form.known((*path, "image"), embed["image"], ("url",))
        form.url((*path, "image", "url"), image.get("url"), 2048)
    if "footer" in embed:
        footer = form.known((*path, "footer"), embed["footer"], ("text",))
        size += form.text((*path, "footer", "text"), footer.get("text"), 2048)
    if "author" in embed:
        author = form.known((*path, "author"), embed["author"], ("name", "url"))
        size += form.text((*path, "author", "name"), author.get("name"), 256)
    for index, item in enumerate(form.listed((*path, "fields"), embed.get("fields", []), 25)):
        where = (*path, "fields", index)
        field = form.known(where, item, ("name", "value", "inline"))
        size += form.text((*where, "name"), field.get("name"), 256)
        size += form.text((*where, "value"), field.get("value"), 1024)
        form.flag((*where, "inline"), field.get("inline"))
    return size


def _check_components(form: Form, given: Any) -> None:
    seen: set[str] = set()
    for index, item in enumerate(form.listed(("components",), given, 5)):
        path: Path = ("components", index)
        row = form.known(path, item, ("type", "components"))
        form.choice((*path, "type"), row.get("type"), (1,))
        inside = form.listed((*path, "components"), row.get("components"), 5, 1)
        selects = [one for one in inside if isinstance(one, dict) and one.get("type") in (3, 5)]
        if selects and len(inside) > 1:
            form.wrong((*path, "components"), "BASE_TYPE_BAD_LENGTH", "A select menu fills its row.")
        for place, component in enumerate(inside):
            check = check_select if component in selects else _check_button
            check(form, (*path, "components", place), component, seen)


def check_select(form: Form, path: Path, given: Any, seen: set[str], *, in_modal: bool = False) -> None:
    """https://docs.discord.com/developers/components/reference#string-select and #user-select"""
    keys = ["type", "custom_id", "placeholder", *(["options"] if given.get("type") == 3 else [])]
    select = form.known(
        path, given, [*keys, "min_values", "max_values", "required" if in_modal else "disabled"]
    )
    form.text((*path, "custom_id"), select.get("custom_id"), 100)
    form.text((*path, "placeholder"), select.get("placeholder"), 150, required="placeholder" in select)
    unique(form, path, str(select.get("custom_id")), seen)
    if select.get("type") == 5:
        return
    values: set[str] = set()
    for index, item in enumerate(form.listed((*path, "options"), select.get("options"), 25, 1)):
        where = (*path, "options", index)
        option = form.known(where, item, ("label", "value", "description", "default"))
        form.text((*where, "label"), option.get("label"), 100)
        form.text((*where, "value"), option.get("value"), 100)
        if option.get("value") in values:
            form.wrong((*where, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "Must be unique")
        values.add(str(option.get("value")))


def unique(form: Form, path: Path, custom_id: str, seen: set[str]) -> None:
    if custom_id in seen:
        form.wrong(
            (*path, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
        )
    seen.add(custom_id)


def check_modal(given: Any) -> None:
    """https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-modal"""
    form, seen = Form(), set[str]()
    modal = form.known((), given, ("custom_id", "title", "components"))
    form.text(("custom_id",), modal.get("custom_id"), 100)
    form.text(("title",), modal.get("title"), 45)
    for index, item in enumerate(form.listed(("components",), modal.get("components"), 5, 1)):
        path: Path = ("components", index)
        label = form.known(path, item, ("type", "label", "description", "component"))
        form.choice((*path, "type"), label.get("type"), (18,))
        form.text((*path, "label"), label.get("label"), 45)
        form.text((*path, "description"), label.get("description"), 100, required="description" in label)
        inside = label.get("component") or {}
        if inside.get("type") == 4:
            _check_input(form, (*path, "component"), inside, seen)
        else:
            form.choice((*path, "component", "type"), inside.get("type"), (3, 5))
            check_select(form, (*path, "component"), inside, seen, in_modal=True)
    form.done()


def _check_input(form: Form, path: Path, given: Any, seen: set[str]) -> None:
    keys = ("type", "custom_id", "style", "min_length", "max_length", "required", "value", "placeholder")
    typed = form.known(path, given, keys)
    form.text((*path, "custom_id"), typed.get("custom_id"), 100)
    form.choice((*path, "style"), typed.get("style"), (1, 2))
    form.flag((*path, "required"), typed.get("required"))
    if not 1 <= typed.get("max_length", 4000) <= 4000:
        form.wrong((*path, "max_length"), "NUMBER_TYPE_MAX", "Must be between 1 and 4000.")
    form.text((*path, "value"), typed.get("value"), typed.get("max_length", 4000), required="value" in typed)
    unique(form, path, str(typed.get("custom_id")), seen)


def _check_button(form: Form, path: Path, given: Any, seen: set[str]) -> None:
    button = form.known(path, given, _BUTTON)
    form.choice((*path, "type"), button.get("type"), (2,))
    form.choice((*path, "style"), button.get("style"), (1, 2, 3, 4, 5))
    form.text((*path, "label"), button.get("label"), 80)
    if button.get("style") == 5:
        form.url((*path, "url"), button.get("url"), 512)
        if "custom_id" in button:
            form.wrong(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Both are given")
        return
    form.text((*path, "custom_id"), button.get("custom_id"), 100)
    if "url" in button:
        form.wrong(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Both are given")
    unique(form, path, str(button.get("custom_id")), seen)


def _check_mentions(form: Form, given: Any) -> None:
    if given is None:
        return
    path: Path = ("allowed_mentions",)
    mentions = form.known(path, given, ("parse", "roles", "users", "replied_user"))
    for index, kind in enumerate(form.listed((*path, "parse"), mentions.get("parse", []), 3)):
        form.choice((*path, "parse", index), kind, ("roles", "users", "everyone"))
    for index, user in enumerate(form.listed((*path, "users"), mentions.get("users", []), 100)):
        if not re.fullmatch("[0-9]{15,20}", str(user)):
            form.wrong((*path, "users", index), "NUMBER_TYPE_COERCE", "Value is not snowflake.")
    if "users" in mentions and "users" in mentions.get("parse", []):
        form.wrong((*path, "parse"), "MUTUALLY_EXCLUSIVE", 'parse:["users"] and users: [ids] both given')


def _check_nonce(form: Form, body: dict[str, Any]) -> None:
    nonce = body.get("nonce")
    if nonce is not None and not isinstance(nonce, int):
        form.text(("nonce",), nonce, 25)
    form.flag(("enforce_nonce",), body.get("enforce_nonce"))


def _check_reference(form: Form, given: Any) -> None:
    if given is None:
        return
    path: Path = ("message_reference",)
    keys = ("type", "message_id", "channel_id", "guild_id", "fail_if_not_exists")
    reference = form.known(path, given, keys)
    if not str(reference.get("message_id", "")).isdigit():
        form.wrong((*path, "message_id"), "NUMBER_TYPE_COERCE", "Value is not snowflake.")
    form.flag((*path, "fail_if_not_exists"), reference.get("fail_if_not_exists"))


# https://docs.discord.com/developers/interactions/application-commands#application-command-object
_COMMAND: Final = ("name", "type", "description", "options")
_OPTION: Final = ("name", "type", "description", "required", "choices", "options")
_NAME: Final = re.compile(r"[-_'\w]{1,32}")


def check_command(given: Any) -> None:
    """Raise Refused unless Discord would register this command."""
    form = Form()
    command = form.known((), given, _COMMAND)
    weight = _check_options(form, (), command)
    if weight > 8000:
        form.wrong((), "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")
    form.done()


def _check_options(form: Form, path: Path, given: dict[str, Any]) -> int:
    """The characters that count, of this and all below it."""
    name = given.get("name", "")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.lower():
        form.wrong((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    weight = len(name) + form.text((*path, "description"), given.get("description"), 100)
    names, optional = set[str](), False
    options = form.listed((*path, "options"), given.get("options", []), 25)
    for index, item in enumerate(options):
        where = (*path, "options", index)
        option = form.known(where, item, _OPTION)
        form.choice((*where, "type"), option.get("type"), (1, 3))
        if option.get("required") and optional:
            form.wrong(where, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options come first")
        optional = optional or not option.get("required")
        if option.get("name") in names:
            form.wrong(
                where, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option names must be unique"
            )
        names.add(str(option.get("name")))
        weight += _check_options(form, where, option) + _check_choices(form, where, option)
    if len({option.get("type") == 1 for option in options}) > 1:
        form.wrong(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands cannot be mixed")
    return weight


def _check_choices(form: Form, path: Path, option: dict[str, Any]) -> int:
    weight = 0
    for index, item in enumerate(form.listed((*path, "choices"), option.get("choices", []), 25)):
        choice = form.known((*path, "choices", index), item, ("name", "value"))
        weight += form.text((*path, "choices", index, "name"), choice.get("name"), 100)
        weight += form.text((*path, "choices", index, "value"), choice.get("value"), 100)
    return weight
