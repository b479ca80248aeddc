"""GitHub's REST API, as far as starting a workflow and learning how it ended takes.

https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
https://docs.github.com/en/rest/actions/workflow-runs
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

import msgspec

from adapters.contract import Answer, DeliveryError, Outbound, Reason
from adapters.http import MAX_RETRY_AFTER_SECONDS, decode, encode, failure, retry_after

MAX_PAYLOAD_KEYS: Final = 10
MAX_EVENT_TYPE: Final = 100
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
SECONDARY_WAIT_SECONDS: Final = 60.0
VERSION: Final = "2022-11-28"
_SEVERAL: Final = 50


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a workflow. `conclusion` is None until `status` is `completed`."""

    id: int
    display_title: str = ""
    """The workflow's `run-name`; without one, of a dispatched run, its event type."""
    status: str | None = None
    conclusion: str | None = None
    html_url: str = ""
    created_at: datetime


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: tuple[Run, ...]


class Github(msgspec.Struct, frozen=True):
    """Every call raises DeliveryError, whose `detail` is a sentence with the mend."""

    http: Outbound
    base: str
    token: str

    async def dispatch(self, repository: str, event_type: str, payload: Mapping[str, str]) -> datetime:
        """Create a repository dispatch event; when GitHub took it, by its own clock."""
        body = encode({"event_type": event_type, "client_payload": payload})
        answer = await self._request("POST", repository, "dispatches", body=body)
        return _time_of(answer)

    async def runs(self, repository: str, since: datetime) -> tuple[Run, ...]:
        """The runs of all workflows that dispatch events started since then, the oldest first."""
        created = f">={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        query = {"event": "repository_dispatch", "created": created, "per_page": str(_SEVERAL)}
        answer = await self._request("GET", repository, f"actions/runs?{urlencode(query)}")
        found = decode(answer, _Runs, "GitHub").workflow_runs
        return tuple(sorted(found, key=lambda run: (run.created_at, run.id)))

    async def run(self, repository: str, id: int) -> Run:
        """One run."""
        return decode(await self._request("GET", repository, f"actions/runs/{id}"), Run, "GitHub")

    async def _request(self, method: str, repository: str, path: str, body: bytes | None = None) -> Answer:
        headers = {
            "authorization": f"Bearer {self.token}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": VERSION,
        }
        if body is not None:
            headers["content-type"] = "application/json"
        url = f"{self.base.rstrip('/')}/repos/{repository}/{path}"
        answer = await self.http.request(method, url, headers=headers, body=body)
        if not 200 <= answer.status < 300:
            raise refusal(answer, repository)
        return answer


_WORDS: Final[Mapping[int, str]] = {
    401: "GitHub does not accept the token; give a new one with `im commands set github`",
    403: "the token may not do that in {repository}; it needs Contents: write and Actions: read there",
    404: "GitHub knows no repository {repository}, or the token may not see it",
    422: "GitHub refuses the event for {repository} as invalid",
}


def refusal(answer: Answer, repository: str) -> DeliveryError:
    """What an answer that is no success means."""
    wait = limited(answer)
    if wait is not None:
        detail = f"GitHub limits how often it is asked; again in {wait:.0f} s"
        return DeliveryError(Reason.RATE_LIMITED, detail, retry_after=wait)
    if 300 <= answer.status < 400:
        return DeliveryError(Reason.REJECTED, f"{repository} has moved on GitHub; configure its new name")
    known = failure(answer, "GitHub")
    words = _WORDS.get(answer.status)
    return DeliveryError(
        known.reason,
        words.format(repository=repository) if words else known.detail,
        retry_after=known.retry_after,
        may_have_arrived=known.may_have_arrived,
    )


def limited(answer: Answer) -> float | None:
    """Seconds to wait where an answer is a rate limit; those are 403 or 429, as the page above says."""
    if answer.status not in (403, 429):
        return None
    asked = retry_after(answer.headers)
    if asked is not None:
        return asked
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        wait = float(reset) - time.time() if reset.isdigit() else SECONDARY_WAIT_SECONDS
        return min(max(wait, 1.0), MAX_RETRY_AFTER_SECONDS)
    return SECONDARY_WAIT_SECONDS if answer.status == 429 or b"rate limit" in answer.body.lower() else None


def _time_of(answer: Answer) -> datetime:
    """When an answer was given, by the clock that the times of runs are of; by ours where it does not say."""
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)
