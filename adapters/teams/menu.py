"""What a message asks for and whom it calls: menus and mentions as parts of a card; pure.

A ChoiceSet alone sends nothing, so each menu has a small button of its own
(https://learn.microsoft.com/adaptive-cards/authoring-cards/input-validation: inputs go along with actions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from adapters import look
from adapters.contract import Menu, Message
from adapters.teams import limits
from adapters.teams.card import (
    ActionSet,
    ChoiceSet,
    Execute,
    InputChoice,
    Mention,
    Mentioned,
    Pressed,
    Submit,
    TextBlock,
)
from adapters.teams.escape import one_line, plain

SET: Final = "Set"
_SOMEBODY: Final = "you"
"""Stands for a person whose name is not known."""
# Within <at> and in Markdown at once, so only what means nothing in either.
_NOT_IN_NAME: Final = re.compile(r"[^\w .'’-]|_")


def menus(message: Message, longest: int) -> Iterator[ChoiceSet | ActionSet]:
    """Each menu with its button. A menu without choices asks for nothing and is left out."""
    offered = [menu for menu in message.menus if menu.choices][: limits.MAX_MENUS]
    for number, menu in enumerate(offered):
        yield _choices(menu, f"menu{number}", longest)
        yield ActionSet(actions=(_button(menu, f"menu{number}"),))


def _choices(menu: Menu, id: str, longest: int) -> ChoiceSet:
    label = _label(menu.label, longest) or menu.id
    offered = (
        InputChoice(_label(choice.label, longest) or choice.value, choice.value)
        for choice in menu.choices[: limits.MAX_CHOICES]
        if choice.value  # an empty value is what comes back when nothing was chosen
    )
    return ChoiceSet(id=id, label=label, placeholder=label, choices=tuple(offered))


def _button(menu: Menu, input_id: str) -> Execute:
    data = Pressed(menu.id, menu.about, input_id)
    return Execute(title=SET, verb=menu.id, data=data, fallback=Submit(title=SET, data=data))


def _label(text: str, longest: int) -> str:
    return plain(look.cut(one_line(text), min(longest, limits.MAX_LABEL))).strip()


def mentions(message: Message, names: Mapping[str, str]) -> tuple[Mention, ...]:
    """One for each person, in order; `names` by id. Two of the same name are told apart by a number."""
    given: list[Mention] = []
    taken: set[str] = set()
    for person in dict.fromkeys(message.mentions[: limits.MAX_MENTIONS]):
        name = _apart(_safe(names.get(person, "")), taken)
        given.append(Mention(f"<at>{name}</at>", Mentioned(person, name)))
    return tuple(given)


def calls(mentioned: tuple[Mention, ...]) -> Iterator[TextBlock]:
    """The line that names them, before everything else."""
    if mentioned:
        yield TextBlock(text=" ".join(mention.text for mention in mentioned), wrap=True)


def _safe(name: str) -> str:
    words = " ".join(_NOT_IN_NAME.sub("", name).split()).lstrip("-. ")
    return look.cut(words, limits.MAX_LABEL) or _SOMEBODY


def _apart(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name} {number}"
    taken.add(found)
    return found
