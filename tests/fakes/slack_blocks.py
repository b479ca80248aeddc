"""Block Kit as Slack checks it, and what people see of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

DATE: Final = re.compile(r"<!date\^[^|>]*\|([^>]*)>")


class Invalid(Exception):
    """A block breaks the rules of Block Kit; the text says which."""


def need(condition: object, why: str) -> None:
    if not condition:
        raise Invalid(why)


def only(block: dict[str, Any], *known: str) -> None:
    need(isinstance(block, dict), "not an object")
    unknown = block.keys() - {"type", *known}
    need(not unknown, f"unknown properties {sorted(unknown)}")


def text_object(value: Any, limit: int, *kinds: str) -> None:
    only(value, "text", "emoji", "verbatim")
    kind = value.get("type")
    need(kind in kinds, f"text of type {kind}")
    need("emoji" not in value or kind == "plain_text", "emoji is of plain_text only")
    need("verbatim" not in value or kind == "mrkdwn", "verbatim is of mrkdwn only")
    text = value.get("text")
    need(isinstance(text, str) and text.strip(), "must be more than 0 characters")
    need(len(text) <= limit, f"must be less than {limit + 1} characters")


def identifier(value: dict[str, Any], name: str) -> None:
    need(name not in value or 0 < len(value[name]) <= 255, f"{name} is empty or too long")


def header(block: dict[str, Any]) -> None:
    only(block, "text", "block_id")
    text_object(block.get("text"), 150, "plain_text")


def section(block: dict[str, Any]) -> None:
    only(block, "text", "fields", "accessory", "block_id", "expand")
    need("text" in block or block.get("fields"), "a section needs text or fields")
    if "text" in block:
        text_object(block["text"], 3000, "plain_text", "mrkdwn")
    fields = block.get("fields", [])
    need(len(fields) <= 10, "more than 10 fields")
    for field in fields:
        text_object(field, 2000, "plain_text", "mrkdwn")


def context(block: dict[str, Any]) -> None:
    only(block, "elements", "block_id")
    need(1 <= len(block.get("elements", [])) <= 10, "1 to 10 elements")
    for element in block["elements"]:
        text_object(element, 2000, "plain_text", "mrkdwn")


def button(element: dict[str, Any]) -> None:
    only(element, "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    need(element.get("type") == "button", "an element that is no button")
    text_object(element.get("text"), 75, "plain_text")
    identifier(element, "action_id")
    value = element.get("value", "v")
    need(isinstance(value, str) and 0 < len(value) <= 2000, "value is empty or too long")
    need(element.get("style", "primary") in ("primary", "danger"), "unknown style")
    url = element.get("url", "https://example.com")
    need(len(url) <= 3000 and urlsplit(url).scheme in ("http", "https") and " " not in url, "invalid url")


def option(value: Any) -> None:
    only(value, "text", "value", "description", "url")
    text_object(value.get("text"), 75, "plain_text")
    need(0 < len(value.get("value", "")) <= 150, "an option's value is empty or too long")


def static_select(element: dict[str, Any]) -> None:
    only(element, "action_id", "options", "placeholder", "initial_option", "confirm", "focus_on_load")
    identifier(element, "action_id")
    if "placeholder" in element:
        text_object(element["placeholder"], 150, "plain_text")
    options = element.get("options", [])
    need(1 <= len(options) <= 100, "1 to 100 options")
    for one in options:
        option(one)
    need(element.get("initial_option", options[0]) in options, "initial_option is no option")


def users_select(element: dict[str, Any]) -> None:
    only(element, "action_id", "placeholder", "initial_user", "confirm", "focus_on_load")
    identifier(element, "action_id")
    if "placeholder" in element:
        text_object(element["placeholder"], 150, "plain_text")
    need(element.get("initial_user", "U") != "", "initial_user is empty")


def plain_text_input(element: dict[str, Any]) -> None:
    only(element, "action_id", "multiline", "max_length", "min_length", "initial_value", "placeholder")
    identifier(element, "action_id")
    longest = element.get("max_length", 3000)
    need(1 <= longest <= 3000, "max_length is not from 1 to 3000")
    need(len(element.get("initial_value", "")) <= longest, "initial_value is too long")


INTERACTIVE: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "button": button,
    "static_select": static_select,
    "users_select": users_select,
}


def actions(block: dict[str, Any]) -> None:
    only(block, "elements", "block_id")
    elements = block.get("elements", [])
    need(1 <= len(elements) <= 25, "1 to 25 elements")
    for element in elements:
        need(element.get("type") in INTERACTIVE, "an element that is not interactive")
        INTERACTIVE[element["type"]](element)
    ids = [element.get("action_id") for element in elements]
    need(len(ids) == len(set(ids)), "action_id is not unique")


def image(block: dict[str, Any]) -> None:
    only(block, "image_url", "alt_text", "title", "block_id")
    url = block.get("image_url", "")
    need(0 < len(url) <= 3000 and urlsplit(url).scheme in ("http", "https"), "invalid image_url")
    need(0 < len(block.get("alt_text", "")) <= 2000, "alt_text is empty or too long")


FIELDS: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "plain_text_input": plain_text_input,
    "static_select": static_select,
    "users_select": users_select,
}


def input_block(block: dict[str, Any]) -> None:
    only(block, "label", "element", "block_id", "optional", "hint", "dispatch_action")
    text_object(block.get("label"), 2000, "plain_text")
    if "hint" in block:
        text_object(block["hint"], 2000, "plain_text")
    element = block.get("element", {})
    need(element.get("type") in FIELDS, "an element that is no input")
    FIELDS[element["type"]](element)


def check_view(view: Any) -> None:
    """Raise Invalid unless this is a modal as Slack documents it."""
    need(isinstance(view, dict) and view.get("type") == "modal", "not a modal")
    only(view, "callback_id", "private_metadata", "title", "submit", "close", "blocks", "notify_on_close")
    for name, limit in (("title", 24), ("submit", 24), ("close", 24)):
        text_object(view.get(name), limit, "plain_text")
    need(len(view.get("callback_id", "")) <= 255, "callback_id is too long")
    need(len(view.get("private_metadata", "")) <= 3000, "private_metadata is too long")
    blocks = view.get("blocks")
    need(isinstance(blocks, list) and 1 <= len(blocks) <= 100, "1 to 100 blocks")
    for block in blocks:
        need(block.get("type") == "input", "a block that is no input")
        identifier(block, "block_id")
        input_block(block)
    ids = [block.get("block_id") for block in blocks]
    need(len(ids) == len(set(ids)), "block_id is not unique")


def divider(block: dict[str, Any]) -> None:
    only(block, "block_id")


KINDS: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "header": header,
    "section": section,
    "context": context,
    "actions": actions,
    "divider": divider,
    "image": image,
}


def check_blocks(blocks: Any, most: int) -> None:
    """Raise Invalid unless this is a list of blocks as Slack documents them."""
    need(isinstance(blocks, list) and blocks, "no blocks")
    need(len(blocks) <= most, f"more than {most} blocks")
    for block in blocks:
        need(isinstance(block, dict) and block.get("type") in KINDS, "unsupported block type")
        identifier(block, "block_id")
        KINDS[block["type"]](block)


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """All text objects inside, in order: (type, text)."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn"):
            yield value["type"], value["text"]
        else:
            yield from texts(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def resolve(text: str) -> str:
    """A text as Slack shows it: dates as their fallback, then the three entities."""
    shown = DATE.sub(r"\1", text).replace("\u00ad", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def all_blocks(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a message, those of its attachments last."""
    attached = [block for part in payload.get("attachments") or [] for block in part.get("blocks", [])]
    return [*(payload.get("blocks") or []), *attached]


def elements(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The buttons and menus of a message, in order."""
    return [
        element
        for block in all_blocks(payload)
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def label(element: dict[str, Any]) -> str:
    """What is on a button, or in a menu before a choice."""
    return resolve(element.get("text", element.get("placeholder", {})).get("text", ""))


def legible(payload: dict[str, Any]) -> str:
    """All that can be read of a message, without the labels of its buttons and menus."""
    read = [block for block in all_blocks(payload) if block["type"] != "actions"]
    return "\n".join(resolve(text) for _, text in texts(read)) or resolve(payload.get("text", ""))
