"""What a Mattermost server takes for a dialog, and what its clients let people send off.

server/public/model/integration_action.go: Dialog.IsValid, DialogElement.IsValid. It counts bytes. Where the
server only logs a warning, this refuses, so that tests see it.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.mattermost_errors import app_error

_DIALOG_KEYS = {"callback_id", "title", "elements", "submit_label", "state", "notify_on_cancel"}
_ELEMENT_KEYS = {
    *("display_name", "name", "type", "default", "help_text"),
    *("optional", "max_length", "data_source", "options"),
}
_DEFAULT_BYTES = {"text": 150, "textarea": 3000, "select": 3000}


def check_dialog(dialog: dict[str, Any]) -> None:
    """Raise Refused for a dialog that is not valid."""
    if set(dialog) - _DIALOG_KEYS or not 0 < _size(dialog["title"]) <= 24:
        raise _wrong("title")
    names = [element["name"] for element in dialog["elements"]]
    if len(names) != len(set(names)):
        raise _wrong("duplicate dialog element")
    for element in dialog["elements"]:
        _check_element(element)


def _check_element(element: dict[str, Any]) -> None:
    kind = element["type"]
    if set(element) - _ELEMENT_KEYS or kind not in _DEFAULT_BYTES:
        raise _wrong("element")
    sizes = (("display_name", 1, 24), ("name", 1, 300), ("help_text", 0, 150))
    for key, least, most in (*sizes, ("default", 0, _DEFAULT_BYTES[kind])):
        if not least <= _size(element.get(key, "")) <= most:
            raise _wrong(key)
    values = {option["value"] for option in element.get("options", [])}
    if (
        kind == "select"
        and not element.get("data_source")
        and element.get("default", "") not in {"", *values}
    ):
        raise _wrong("default is no option")


def check_submission(dialog: dict[str, Any], fields: dict[str, str], users: set[str]) -> dict[str, Any]:
    """What the client sends; AssertionError for what it would not let a person send."""
    elements = {element["name"]: element for element in dialog["elements"]}
    assert set(fields) <= set(elements), f"the dialog has no {set(fields) - set(elements)}"
    filled = {name: element["default"] for name, element in elements.items() if element.get("default")}
    filled |= fields
    for name, element in elements.items():
        value = filled.get(name, "")
        assert value or element.get("optional"), f"{name} is required"
        assert not element.get("max_length") or len(value) <= element["max_length"], f"{name} is too long"
        if value and element["type"] == "select":
            people = element.get("data_source") == "users"
            offered = users if people else {option["value"] for option in element["options"]}
            assert value in offered, f"{name} does not offer {value}"
    return {name: filled.get(name) for name in elements}


def _size(text: str) -> int:
    return len(text.encode())


def _wrong(what: str) -> Exception:
    return app_error("app.submit_interactive_dialog.invalid", 400, f"invalid dialog: {what}")
