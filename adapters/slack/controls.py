"""Buttons and menus: how the router's actions become Block Kit, and what was pressed or chosen.

An action id travels as `im.<id>`, with `#<n>` behind it where a message has the same one several times
(Slack wants them unique), and for a list of people with a space and what it is about, as such a list has no
values of its own. A button that is a link is `link.<id>`: Slack reports its presses too, and they do nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from msgspec import UNSET

from adapters import look
from adapters.contract import Action, Choice, Menu
from adapters.slack import limits
from adapters.slack.blocks import Actions, Block, Button, Entry, People, Plain, Select
from adapters.slack.markup import fit

OURS: Final = "im."
LINK: Final = "link."
MENUS: Final = 2500
"""Characters for the labels of all menus of a message together; of more, each is cut shorter."""


def rows(actions: Sequence[Action], menus: Sequence[Menu]) -> tuple[Block, ...]:
    """A row of buttons and a row of menus, each only where there are any."""
    seen: Counter[str] = Counter()
    buttons = tuple(_button(action, seen) for action in actions[: limits.MAX_ACTIONS])
    usable = [menu for menu in menus if menu.people or menu.choices][: limits.MAX_ACTIONS]
    share = _share(usable)
    lists = tuple(_menu(menu, seen, share) for menu in usable)
    return tuple(Actions(elements) for elements in (buttons, lists) if elements)


def texts(row: Actions) -> Iterable[str]:
    """All that a row shows, for the text budget of a message."""
    for element in row.elements:
        if isinstance(element, Button):
            yield element.text.text
        else:
            yield element.placeholder.text if element.placeholder else ""
        if isinstance(element, Select):
            yield from (entry.text.text for entry in element.options)


def read(action_id: str) -> tuple[str, str] | None:
    """The router's id of an action, and what a list of people is about; None for a link or a stranger's."""
    if not action_id.startswith(OURS):
        return None
    name, _, about = action_id.removeprefix(OURS).partition(" ")
    return name.partition("#")[0], about


def _button(action: Action, seen: Counter[str]) -> Button:
    # One address that Slack does not take, and the whole message is refused.
    url = look.link(action.url, limits.MAX_BUTTON_URL)
    return Button(
        text=Plain(_caption(action.label) or action.id),
        action_id=_unique(LINK if url else OURS, action.id, seen),
        value=action.value[: limits.MAX_BUTTON_VALUE] or UNSET,
        url=url or UNSET,
        style=UNSET if action.style == "default" else action.style,
    )


def _menu(menu: Menu, seen: Counter[str], share: int) -> Select | People:
    action_id = _unique(OURS, menu.id, seen)
    placeholder = Plain(fit(_line(menu.label), min(share, limits.MAX_PLACEHOLDER)) or menu.id)
    if menu.people:
        return People(action_id=f"{action_id} {menu.about}", placeholder=placeholder)
    entries = (_entry(menu.about, choice, share) for choice in menu.choices[: limits.MAX_OPTIONS])
    return Select(action_id=action_id, placeholder=placeholder, options=tuple(entries))


def _entry(about: str, choice: Choice, share: int) -> Entry:
    label = fit(_line(choice.label), min(share, limits.MAX_OPTION_TEXT)) or choice.value
    return Entry(text=Plain(label), value=f"{about} {choice.value}"[: limits.MAX_OPTION_VALUE])


def _share(menus: Sequence[Menu]) -> int:
    labels = sum(1 + (0 if menu.people else len(menu.choices)) for menu in menus)
    return max(MENUS // labels, 8) if labels else 0


def _unique(kind: str, id: str, seen: Counter[str]) -> str:
    seen[id] += 1
    return f"{kind}{id}" if seen[id] == 1 else f"{kind}{id}#{seen[id]}"


def _line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=256)
def _caption(label: str) -> str:
    return fit(_line(label), limits.MAX_BUTTON_TEXT)
