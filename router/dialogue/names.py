"""Names of services, people and time zones, as people say them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from router.catalogue.catalogue import Catalogue, folded
from router.dialogue.slips import slip

_LONGEST: Final = 80
_ME: Final = frozenset(("me", "myself", "i", "mine", "my", "@me"))
_MENTION: Final = re.compile(r"<@!?(?P<id>[^<>|\s]+)(?:\|[^<>]*)?>(?:'s?)?")
_POSSESSIVE: Final = re.compile(r"'s?\Z")
_QUOTES: Final = " \t\n\"'`*"
_BEFORE: Final = re.compile(r"(?:the|our|my|your|that|this|all|a|an|team|service)\s+", re.IGNORECASE)
_AFTER: Final = re.compile(
    r"[\s_-]+(?:(?:micro-?)?services?|gateway|things?|thingy|team|stuff|systems?|squad|folks|people|ones?|incidents?"
    r"|apps?|applications?|components?|servers?|backend|platform|cluster|pages?|side|alerts?)\Z",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d+")
_SHORT: Final = 4
_MIDDLE: Final = 5

_ZONES: Final = {
    **dict.fromkeys(("utc", "gmt", "z", "zulu", "universal"), "UTC"),
    **dict.fromkeys(("bst", "uk", "british"), "Europe/London"),
    **dict.fromkeys(("wet", "western european"), "Europe/Lisbon"),
    **dict.fromkeys(("cet", "cest", "mez", "mesz", "central european", "german"), "Europe/Berlin"),
    **dict.fromkeys(("eet", "eest", "eastern european"), "Europe/Athens"),
    **dict.fromkeys(("et", "est", "edt", "eastern", "us eastern"), "America/New_York"),
    **dict.fromkeys(("ct", "cdt", "us central"), "America/Chicago"),
    **dict.fromkeys(("mt", "mst", "mdt", "mountain", "us mountain"), "America/Denver"),
    **dict.fromkeys(("pt", "pst", "pdt", "pacific", "us pacific", "san francisco"), "America/Los_Angeles"),
    **dict.fromkeys(("jst",), "Asia/Tokyo"),
    **dict.fromkeys(("ist", "india", "indian", "bangalore", "mumbai", "delhi"), "Asia/Kolkata"),
    **dict.fromkeys(("aest", "aedt"), "Australia/Sydney"),
}
_OFFSET: Final = re.compile(r"(?:utc|gmt) ?(?P<sign>[+-]) ?(?P<hours>\d{1,2})(?::?00)?")
_ZONE_WORDS: Final = re.compile(r"^(?:in |the )+| ?(?:time ?zone|timezone|time|tz|zone)$")


def service(text: str, catalogue: Catalogue) -> str:
    """The catalogue's name of a service as said: by name or alias, with words around it (`the auth thing`),
    in the plural, apart or together, or with a slip of the fingers. An unknown one is as said, trimmed.

    A short name (`api`) must be right, a longer word may have one slip; digits are never slips.
    """
    said = " ".join(text.split())
    if not said or len(said) > _LONGEST:
        return said
    forms = tuple(dict.fromkeys(_forms(said)))
    for find in (_exactly, _together, _nearly):
        for form in forms:
            if found := find(form, catalogue):
                return found
    return said


def user(text: str) -> str:
    """Who is meant: `me` for the speaker, `<@id>` for a mention by id, else the name without its `@`."""
    said = " ".join(text.replace("’", "'").split()).strip(' ,.;:!?"`')
    if mention := _MENTION.fullmatch(said):
        return f"<@{mention['id']}>"
    if said.lower() in _ME:
        return "me"
    return _POSSESSIVE.sub("", said.strip("'")).removeprefix("@").strip() or said


def zone_named(text: str) -> ZoneInfo | None:
    """The time zone of a name (`Europe/Berlin`), city (`new york`), abbreviation (`cet`) or whole offset from
    UTC (`utc+2`); None for others. `est` is New York's time, in summer too, as people mean it."""
    said = _ZONE_WORDS.sub("", " ".join(text.lower().replace("_", " ").split()).strip(" .,;")).strip()
    if found := _OFFSET.fullmatch(said):
        hours = int(found["sign"] + found["hours"])
        key = f"Etc/GMT{-hours:+d}" if -12 <= hours <= 14 else None  # Etc counts the other way round
    else:
        key = _ZONES.get(said) or _zones().get(said)
    return ZoneInfo(key) if key else None


@cache
def _zones() -> dict[str, str]:
    """Every zone by its name and, after those, by its city, in small letters with spaces."""
    keys = sorted(
        (key for key in available_timezones() if key != "localtime"), key=lambda key: (len(key), key)
    )
    plain = {key.lower().replace("_", " "): key for key in keys}
    cities = {name.rsplit("/", 1)[-1]: key for name, key in reversed(plain.items()) if name.count("/")}
    return {name: key for name, key in cities.items() if not _DIGITS.search(name)} | plain


def _forms(said: str) -> Iterator[str]:
    """What could be the name alone, the most said first."""
    yield said
    bare = said.strip(_QUOTES).lstrip("#@").rstrip(" ,.;:!?").removesuffix("'s").removesuffix("’s")
    yield bare
    while found := _BEFORE.match(bare):
        bare = bare[found.end() :]
        yield bare
    while found := _AFTER.search(bare):
        bare = bare[: found.start()].removesuffix("'s").removesuffix("’s")
        yield bare


def _exactly(form: str, catalogue: Catalogue) -> str | None:
    """The service of a name, or of the same name in the plural or the singular."""
    for each in (form, f"{form}s", form[:-1] if form[-1:] in ("s", "S") else form):
        if form and (found := catalogue.service(each)):
            return found
    return None


def _together(form: str, catalogue: Catalogue) -> str | None:
    """The one service whose name is the same without spaces and hyphens."""
    wanted = folded(form).replace("-", "")
    return _only(known for name, known in catalogue.known_as.items() if wanted == name.replace("-", ""))


def _nearly(form: str, catalogue: Catalogue) -> str | None:
    """The one service whose name has the same words but for a slip in each."""
    words = folded(form).split("-")
    return _only(known for name, known in catalogue.known_as.items() if _alike(words, name.split("-")))


def _only(found: Iterator[str]) -> str | None:
    services = set(found)
    return services.pop() if len(services) == 1 else None


def _alike(said: list[str], known: list[str]) -> bool:
    return len(said) == len(known) and all(map(_same_word, said, known))


def _same_word(said: str, known: str) -> bool:
    """Whether one word is meant by another. The shorter they are, the likelier they are two words."""
    wrong = slip(said, known)
    if wrong is None or _DIGITS.findall(said) != _DIGITS.findall(known):
        return False
    shorter = min(len(said), len(known))
    if shorter <= _SHORT:
        return wrong == "none" or (wrong == "swapped" and shorter == _SHORT)
    return shorter > _MIDDLE or wrong != "other"
