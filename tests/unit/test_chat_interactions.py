"""Buttons, menus and forms as the commands that they stand for."""

from __future__ import annotations

from typing import Any, Final

import pytest

from adapters.inbound import MAX_FORM_FIELDS, ChatInput, Person
from router.chat import built_in, questions
from router.chat.asked import MAX_HEADLINE, said
from router.chat.inbox import storable
from router.chat.interactions import FORMS, called, declare_form, form_for, note_form
from router.chat.turn import said_by
from router.problems import Conflict

COMMANDS: Final = {each.name for each in built_in.COMMANDS}
BUTTONS: Final = (
    "acknowledge",
    "assign",
    "close",
    "details",
    "escalate",
    "reopen",
    "resolve",
    "update",
    "war_room",
)


def given(kind: str = "action", **more: Any) -> ChatInput:
    common: dict[str, Any] = {
        "key": "k",
        "kind": kind,
        "user": Person(id="U1"),
        "workspace": "T1",
        "channel": "C1",
    }
    return ChatInput(**(common | more))


@pytest.mark.parametrize("button", BUTTONS)
def test_every_button_of_a_notification_is_a_command(button: str) -> None:
    call = called(given(action=button, value="INC-7"))
    assert call.command in COMMANDS
    assert call.arguments == {"incident-id": "INC-7"}
    assert call.said.startswith(f"[{button}] ")


@pytest.mark.parametrize(
    ("action", "value", "command", "arguments"),
    [
        ("set_severity", "INC-7 SEV-1", "escalate", {"incident-id": "INC-7", "severity": "SEV-1"}),
        ("assign_to", "INC-7 me", "assign", {"incident-id": "INC-7", "user": "me"}),
        ("assign_to", "INC-7 @U2", "assign", {"incident-id": "INC-7", "user": "<@U2>"}),
        ("set_service", "INC-7 api gateway", "update", {"incident-id": "INC-7", "service": "api gateway"}),
        ("set_status", "INC-7 acknowledge", "ack", {"incident-id": "INC-7"}),
        ("set_status", "INC-7 reopen", "reopen", {"incident-id": "INC-7"}),
        ("acknowledge", "", "ack", {}),
    ],
)
def test_what_is_chosen_is_a_command_with_its_argument(
    action: str, value: str, command: str, arguments: dict[str, str]
) -> None:
    call = called(given(action=action, value=value))
    assert (call.command, call.arguments, call.confirmed) == (command, arguments, False)


@pytest.mark.parametrize("kind", ["action", "form"])
@pytest.mark.parametrize("action", ["", "nobody", "__class__", "choose ", "ACK"])
def test_what_nobody_knows_is_refused(kind: str, action: str) -> None:
    with pytest.raises(Conflict, match="I do not know that"):
        called(given(kind, action=action, value="INC-7"))


def test_blank_fields_of_a_form_were_not_filled_in() -> None:
    fields = {"title": " Disk full ", "severity": "SEV-2", "service": "", "description": " \n "}
    call = called(given("form", action="declare", value="new", fields=fields))
    assert (call.command, call.arguments) == ("declare", {"title": "Disk full", "severity": "SEV-2"})


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("declare", "declare"),
        ("  Declare  ", "declare"),
        ("declare\u00a0", "declare"),
        ("/declare", "declare"),
        ("create", "declare"),
        ("new", "declare"),
        ("update INC-7", "update"),
        ("note inc 7", "update"),
        ("declare it", None),
        ("declare --sev SEV-1", None),
        ("update", None),
        ("update INC-7 done", None),
        ("update INC-7 INC-8", None),
        ("declared", None),
        ("", None),
    ],
)
def test_a_command_without_its_words_opens_a_form(text: str, form: str | None) -> None:
    opened = form_for(given("command", text=text), ("checkout",))
    assert (opened.id if opened else None) == form


def test_only_commands_and_buttons_open_forms() -> None:
    assert form_for(given("mention", text="declare"), ()) is None
    assert form_for(given("form", action="update", value="INC-7"), ()) is None
    opened = form_for(given("action", action="resolve", value="INC-7"), ())
    assert opened is not None
    assert (opened.id, opened.value) == ("resolve", "INC-7")


def test_forms_fit_every_platform() -> None:
    many = tuple(f"service-{number}" for number in range(60))
    for form in (declare_form(many), declare_form(()), *(note_form(name, "INC-7") for name in FORMS)):
        assert len(form.title) <= 24
        assert len(form.submit) <= 24
        assert len(form.value) <= 100
        assert len(form.fields) <= MAX_FORM_FIELDS
        assert all(len(field.options) <= 25 and len(field.label) <= 45 for field in form.fields)
        assert called(given("form", action=form.id, value=form.value)).command in COMMANDS


def test_the_ids_of_questions_are_no_buttons_of_anything_else() -> None:
    for number in (questions.CHOOSE, questions.CONFIRM, questions.CANCEL):
        with pytest.raises(Conflict):
            called(given(action=number, value="x"))


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        ("command", "link KX4T-9QWM", "/im link …"),
        ("command", "LINK  kx4t 9qwm", "/im LINK  …"),
        ("command", "/link KX4T-9QWM", "/im /link …"),
        ("mention", "link “KX4T-9QWM”", "link “…"),
        ("command", "link", "/im link"),
        ("command", "linked list is broken", "/im linked list is broken"),
        ("command", "ack INC-7 link is down", "/im ack INC-7 link is down"),
    ],
)
def test_what_is_written_down_never_holds_a_links_code(kind: str, text: str, kept: str) -> None:
    assert said_by(given(kind, text=text)) == kept


def test_a_long_answer_is_not_cut_where_headlines_are() -> None:
    detail = "`ack` needs an account; " + "word " * 40
    message = said(detail.strip())
    assert message.headline == "`ack` needs an account."
    assert message.text.startswith("Word word")
    unbroken = said("x" * 400, "and more")
    assert len(unbroken.headline) <= MAX_HEADLINE
    assert unbroken.text == "x" * 400 + "\nand more"
    assert said("Short.", "text").headline == "Short."


def test_what_postgres_cannot_keep_is_replaced_and_all_else_stays() -> None:
    plain = given("form", action="update", value="INC-7", fields={"note": "\u202e😀\n"}, reply={"a": "b"})
    assert storable(plain) is plain
    user = Person(id="U1", name="da\0na", email="d\0@example.com")
    kept = storable(
        given(
            "form", user=user, channel_name="\0", fields={"no\0te": "a\0b"}, reply={"url": "x\0"}, thread=None
        )
    )
    assert kept.user == Person(id="U1", name="da\ufffdna", email="d\ufffd@example.com")
    assert kept.fields == {"no\ufffdte": "a\ufffdb"}
    assert (kept.channel_name, kept.reply, kept.thread) == ("\ufffd", {"url": "x\ufffd"}, None)
    assert storable(given("command", text="\\u0000")).text == "\\u0000"
