"""`im deliveries`: receipts."""

from __future__ import annotations

from typing import Any, Final

import click

from api.cli.groups import Group
from api.cli.output import json_option, print_fields, print_json, print_table, when
from api.cli.receipts import settled, tell
from api.cli.session import api

_PRIORITIES: Final = ("urgent", "normal", "normal", "low")
"""By the number in the store, where announcements (1) go before updates (2); the rules know one `normal`."""


@click.group(cls=Group)
def deliveries() -> None:
    """Receipts: what was sent where, or why it was not.

    \b
    Examples:
      im deliveries list --state failed
      im deliveries show 01890a5d-ac96-774b-bcce-b302099a8057
    """


@deliveries.command("list")
@click.option("--state", default="", help="pending, sending, retrying, sent, failed, suppressed or expired.")
@click.option("--provider", default="", help="Only of this provider.")
@click.option("--incident", default="", help="Only of this incident.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def list_deliveries(state: str, provider: str, incident: str, limit: int, as_json: bool) -> None:
    """List deliveries, the newest first.

    \b
    Example:
      im deliveries list --state failed --provider company-slack
    """
    with api() as server:
        rows = server.get("deliveries", state=state, provider=provider, incident=incident, limit=limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("Delivery", "State", "Provider", "Channel", "Incident", "Event", "Tries", "Accepted (UTC)", "Why"),
        [
            (
                row["id"],
                row["state"],
                row["provider"],
                row["channel"],
                row["incident"],
                row["event"],
                row["attempts"],
                when(row["accepted_at"]),
                row["detail"] or row["reason"],
            )
            for row in rows
        ],
        empty="there are no such deliveries",
    )


@deliveries.command()
@click.argument("delivery")
@json_option
def show(delivery: str, as_json: bool) -> None:
    """Show a delivery with every attempt.

    \b
    Example:
      im deliveries show 01890a5d-ac96-774b-bcce-b302099a8057
    """
    with api() as server:
        row = server.get("deliveries", delivery)
    if as_json:
        print_json(row)
        return
    print_fields(_fields(row))
    if row["attempts"]:
        click.echo()
        print_table(
            ("Try", "Finished (UTC)", "Outcome", "Reason", "Detail"),
            [
                (one["number"], when(one["finished_at"]), one["outcome"], one["reason"], one["detail"])
                for one in row["attempts"]
            ],
        )


@deliveries.command()
@click.argument("delivery", nargs=-1, required=True)
@json_option
def retry(delivery: tuple[str, ...], as_json: bool) -> None:
    """Try deliveries again now that failed, expired or wait; waits up to 10 seconds for the outcome.

    \b
    Example:
      im deliveries retry 01890a5d-ac96-774b-bcce-b302099a8057
    """
    with api() as server:
        ids = [server.post("deliveries", one, "retry")["id"] for one in delivery]
        tell(settled(server, ids), as_json)


def _fields(row: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("Delivery", row["id"]),
        ("State", row["state"]),
        ("Provider", row["provider"]),
        ("Channel", row["channel"]),
        ("Incident", row["incident"]),
        ("Event", row["event_id"]),
        ("Message", row["message"].get("headline")),
        ("Priority", _PRIORITIES[row["priority"]]),
        ("Routes", row["routes"]),
        ("Accepted (UTC)", when(row["accepted_at"])),
        ("Sent (UTC)", when(row["sent_at"])),
        ("Next try (UTC)", when(row["not_before"]) if row["state"] == "retrying" else ""),
        ("Reason", row["reason"]),
        ("Detail", row["detail"]),
        ("Merged into", row["merged_into"]),
        ("Instead of", row["fallback_of"]),
        ("Id on the platform", row["message_id"]),
    ]
