"""The service catalogue and who is on call, as the running server sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Router, get
from litestar.params import FromQuery

from api.http.context import Call, caller, context_of, now
from router.catalogue.calendars import CalendarRef
from router.catalogue.catalogue import Catalogue, Service
from router.catalogue.oncall import Roster
from router.problems import Invalid, NotFound

_KINDS: Final = {CalendarRef: "ical", type(None): ""}


@get("/api/v1/catalogue", summary="Teams and services, and what is wrong with the file")
async def show_catalogue(request: Call) -> dict[str, Any]:
    """What is in force; `problems` says why a changed file is not, and which calendars cannot be read."""
    await caller(request, "analytics:read")
    return described(_roster(request))


@get("/api/v1/on-call", summary="Who is on call, and until when")
async def show_on_call(
    request: Call, service: FromQuery[str] = "", at: FromQuery[str] = ""
) -> list[dict[str, Any]]:
    """For a service (its name or an alias) or for all; `at` is ISO 8601, in IM_TIMEZONE without an offset."""
    await caller(request, "analytics:read")
    return answered(_roster(request), service, moment(at, context_of(request).parts.settings.timezone))


def described(roster: Roster) -> dict[str, Any]:
    """The catalogue as JSON shows it; calendars without their addresses."""
    catalogue = roster.live.current
    return {
        "services": [_service(one) for one in catalogue.services.values()],
        "teams": [msgspec.to_builtins(one) for one in catalogue.teams.values()],
        "maintenance": [{"name": one.name, "services": one.services} for one in catalogue.maintenance],
        "problems": roster.problems(),
    }


def answered(roster: Roster, service: str, at: datetime) -> list[dict[str, Any]]:
    """Who is on call for a service, or for each. Raises NotFound."""
    catalogue = roster.live.current
    names = (_named(catalogue, service),) if service else catalogue.names()
    return [{"service": name, **msgspec.to_builtins(roster.on_call(name, at))} for name in names]


def moment(text: str, zone: str) -> datetime:
    """The aware UTC of a time as somebody writes it; now for "". Raises Invalid."""
    if not text:
        return now()
    try:
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.at("at", "write a time such as 2026-01-05T09:00 or 2026-01-05T09:00:00Z") from None


def _named(catalogue: Catalogue, text: str) -> str:
    name = catalogue.service(text)
    if name is None:
        near = catalogue.near(text)
        mend = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(catalogue.names()[:20])}"
        raise NotFound(f"there is no service `{text[:80]}` in the catalogue; {mend}")
    return name


def _service(service: Service) -> dict[str, Any]:
    shown = msgspec.to_builtins(msgspec.structs.replace(service, on_call=None))
    assert isinstance(shown, dict)
    return shown | {"on_call": _KINDS.get(type(service.on_call), "rotation")}


def _roster(request: Call) -> Roster:
    return context_of(request).world.roster


ROUTER = Router("/", route_handlers=[show_catalogue, show_on_call], tags=["catalogue"])
