"""How a command is used: one line such as `ack [incident-id] [note...]` is its help and its grammar.

    <name>            required              [name]            optional
    [name...]         all words left        [--flag name]     an option, anywhere

What a word may be follows from the name: see KINDS. A person who leaves the incident out means the one of
the channel, so arguments are told apart by what they look like and not only by their place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from adapters.inbound import Argument
from router.chat import words
from router.chat.words import Word

INCIDENT: Final = "incident-id"


class Misused(Exception):
    """A command cannot be read; the text says what is wrong with it."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a usage line."""

    name: str
    flags: tuple[str, ...] = ()
    required: bool = False
    rest: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A usage line, read."""

    command: str
    line: str
    """Without the command: `[incident-id] [note...]`."""
    parameters: tuple[Parameter, ...]

    @property
    def shown(self) -> str:
        """As people see it: `/im ack [incident-id] [note]`."""
        return f"/im {self.command} {self.line}".replace("...", "").rstrip()

    @property
    def takes_incident(self) -> bool:
        """Whether it is about one incident."""
        return any(parameter.name == INCIDENT for parameter in self.parameters)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """As platforms with command forms of their own are told."""
        return tuple(
            Argument(
                name=parameter.flags[0].lstrip("-") if parameter.flags else parameter.name,
                help=HELP.get(parameter.name, parameter.name),
                option=bool(parameter.flags),
                required=parameter.required,
                rest=parameter.rest,
                choices=_CHOICES.get(parameter.name, ()),
            )
            for parameter in self.parameters
        )


HELP: Final[Mapping[str, str]] = {
    INCIDENT: "Such as INC-2024-001; left out, the incident of this channel",
    "title": "What is broken, in a few words",
    "note": "What to tell the others",
    "severity": "SEV-1 to SEV-4",
    "service": "A service of the catalogue",
    "user": "A name, a mention, or me",
    "description": "What is known so far",
    "duration": "Such as 2h or 30m",
    "status": "open, acknowledged, resolved, closed, unresolved or all",
    "period": "Such as today, this week, since Monday or past 24h",
    "code": "The code that the bot gave you",
    "command": "The command to explain",
    "reason": "Why",
    "text": "What to say",
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"severity": ("SEV-1", "SEV-2", "SEV-3", "SEV-4")}

_PART: Final = re.compile(
    r"\[(?P<flags>-{1,2}[a-z][a-z-]*(?:\|-{1,2}[a-z][a-z-]*)*) (?P<value>[a-z-]+)\]"
    r"|\[(?P<optional>[a-z-]+)(?P<rest>\.\.\.)?\]"
    r"|<(?P<required>[a-z-]+)(?P<rest2>\.\.\.)?>"
)


def usage(command: str, line: str) -> Usage:
    """Read a usage line; ValueError names what is wrong with it."""
    parameters = []
    left = line
    while left := left.strip():
        found = _PART.match(left)
        if found is None:
            raise ValueError(f"`{left}` of the usage of `{command}` cannot be read; write <name> or [name]")
        parameters.append(_parameter(found))
        left = left[found.end() :]
    return Usage(command=command, line=line.strip(), parameters=tuple(parameters))


def _parameter(found: re.Match[str]) -> Parameter:
    if found["flags"]:
        return Parameter(name=found["value"], flags=tuple(found["flags"].split("|")))
    required = found["required"] is not None
    name = found["required"] if required else found["optional"]
    return Parameter(name=name, required=required, rest=bool(found["rest"] or found["rest2"]))


def _any(text: str) -> str | None:
    return text or None


def _service(text: str) -> str | None:
    alike = words.is_duration(text) or words.incident_id(text) or words.severity(text)
    return None if alike else text or None


def _status(text: str) -> str | None:
    """One status, or several with commas; an empty text for all."""
    found = [STATUS.get(word.strip()) for word in text.lower().split(",")]
    if None in found:
        return None
    return "" if "" in found else ",".join(dict.fromkeys(filter(None, found)))


STATUS: Final[Mapping[str, str]] = words.STATUSES
KINDS: Final[Mapping[str, Callable[[str], str | None]]] = {
    INCIDENT: words.incident_id,
    "severity": words.severity,
    "service": _service,
    "status": _status,
    "duration": lambda text: text if words.is_duration(text) else None,
}
"""By name of an argument: its value for a word, or None for a word that it cannot be. Others take any."""
_SEVERAL: Final = frozenset({"period"})
"""Arguments that are several words without quotes too, as the value of an option."""

_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "severity": ("SEV-1", "SEV-2", "SEV-3", "SEV-4"),
    "status": tuple(words.STATUSES),
}


def arguments(use: Usage, text: str) -> dict[str, str]:
    """The arguments in a text, by name; Misused says what cannot be one."""
    found: dict[str, str] = {}
    left = _take_options(use, words.split(text), found)
    open_places = [
        parameter for parameter in use.parameters if not parameter.flags and parameter.name not in found
    ]
    while left:
        taken = _take(left, open_places, found)
        if not taken:
            raise Misused(_does_not_fit(left[0], open_places))
        left = left[taken:]
    _refuse_hidden_id(use, found)
    missing = [p.name for p in use.parameters if p.required and p.name not in found]
    if missing:
        raise Misused(f"`{missing[0]}` is missing")
    return found


def _take_options(use: Usage, given: Sequence[Word], found: dict[str, str]) -> list[Word]:
    """Move the options out of the words; `--sev SEV-1`, `--sev=SEV-1`."""
    flags = {flag: parameter for parameter in use.parameters for flag in parameter.flags}
    left: list[Word] = []
    at = 0
    while at < len(given):
        word = given[at]
        flag, equals, value = word.text.partition("=")
        parameter = None if word.quoted else flags.get(flag.lower())
        at += 1
        if parameter is None:
            _refuse_mistyped(word, flags)
            left.append(word)
            continue
        if not equals:
            if at == len(given):
                raise Misused(f"`{flag}` needs a value")
            taken = _words_of(parameter.name, given[at:])
            value = words.said(list(given[at : at + taken]))
            at += taken
        found[parameter.name] = _value(parameter.name, value)
    return left


def _words_of(name: str, left: Sequence[Word]) -> int:
    """How many words are an option's value: one, but of a period all up to the next option or id, as people
    write `--period last week`."""
    if name not in _SEVERAL or left[0].quoted:
        return 1
    ends = (
        at
        for at, word in enumerate(left)
        if at and (word.quoted or word.text.startswith("--") or words.incident_id(word.text))
    )
    return next(ends, len(left))


def _refuse_mistyped(word: Word, flags: Mapping[str, Parameter]) -> None:
    """What only looks like an option is text, but not what is one letter away from one."""
    if word.quoted or not word.text.startswith("--") or not flags:
        return
    near = difflib.get_close_matches(word.text.partition("=")[0].lower(), flags, n=1, cutoff=0.75)
    if near:
        raise Misused(f"`{word.raw}` is not an option; did you mean `{near[0]}`?")


def _take(left: Sequence[Word], places: list[Parameter], found: dict[str, str]) -> int:
    """Put the next word (or words) into the first place that takes it; how many were taken."""
    for parameter in places:
        if parameter.rest and parameter.name not in KINDS:
            found[parameter.name] = words.said(list(left))
            places.clear()
            return len(left)
        taken, value = _fits(parameter, left)
        if value is not None:
            found[parameter.name] = value
            places.remove(parameter)
            return taken
    return 0


def _fits(parameter: Parameter, left: Sequence[Word]) -> tuple[int, str | None]:
    kind = KINDS.get(parameter.name, _any)
    if parameter.rest:
        return len(left), kind(words.said(list(left)))
    if parameter.name == INCIDENT and left[0].text.lower() in ("inc", "#inc") and len(left) > 1:
        return 2, kind(f"{left[0].text} {left[1].text}")
    if left[0].quoted and parameter.name in (INCIDENT, "severity", "duration"):
        return 1, None
    return 1, kind(left[0].text)


def _value(name: str, text: str) -> str:
    value = KINDS.get(name, _any)(text)
    if value is None:
        raise Misused(_not_a(name, text))
    return value


def _does_not_fit(word: Word, places: Sequence[Parameter]) -> str:
    if not places:
        return f"`{word.raw[:60]}` is more than it takes"
    return _not_a(places[-1].name, word.raw)


def _not_a(name: str, text: str) -> str:
    near = difflib.get_close_matches(
        text.upper() if name == "severity" else text, _KNOWN.get(name, ()), n=1, cutoff=0.5
    )
    hint = f"; did you mean {near[0]}?" if near else ""
    label = {INCIDENT: "an incident's id such as INC-2024-001"}.get(name, f"a {name}")
    return f"`{text[:60]}` is not {label}{hint}"


def _refuse_hidden_id(use: Usage, found: Mapping[str, str]) -> None:
    """An id in the middle of a note is likely the incident that is meant, and not the channel's."""
    if not use.takes_incident or INCIDENT in found:
        return
    for name in ("note",):
        inside = [i for word in words.split(found.get(name, "")) if (i := words.incident_id(word.text))]
        if inside:
            raise Misused(f"put the id first: `/im {use.command} {inside[0]} …`")
