"""GitHub's REST API, strict: dispatch events as it takes them, and the runs that they start.

https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from tests.fakes.base import Call, FakePlatform, Refused, Reply

TOKEN: Final = "github_pat_of-the-tests-0123456789"
MAX_EVENT_TYPE: Final = 100
MAX_PAYLOAD_KEYS: Final = 10
MAX_PAYLOAD: Final = 65_535
_ACCEPT: Final = ("application/vnd.github+json", "application/json")


@dataclass
class FakeRun:
    """A run of a workflow."""

    id: int
    repository: str
    title: str
    created_at: datetime
    event: str = "repository_dispatch"
    status: str = "queued"
    conclusion: str | None = None


class GithubFake(FakePlatform):
    """`dispatched` are the events that were taken; each starts a run for every listener of its type.

    A listener is a workflow's `run-name` with `{request}` and the like for `client_payload`'s values; the
    empty one is a workflow without a run-name, whose runs are called as the event's type.
    """

    platform: ClassVar[str] = "github"

    def __init__(self, *, token: str = TOKEN, repositories: tuple[str, ...] = ("shop/web",), **given: Any):
        super().__init__(**given)
        self.token = token
        self.repositories = repositories
        self.listeners: dict[str, list[str]] = {"chatops-deploy": [""]}
        self.dispatched: list[dict[str, Any]] = []
        self.runs: list[FakeRun] = []
        self.limited: Mapping[str, str] | None = None
        """Headers of a rate limit that is in force."""
        self.read_only = False
        name = r"/repos/([^/]+/[^/]+)"
        self.route("POST", name + "/dispatches", self._dispatch)
        self.route("GET", name + "/actions/runs", self._list)
        self.route("GET", name + r"/actions/runs/(\d+)", self._one)

    def end(self, run: FakeRun, conclusion: str) -> None:
        """A run completes."""
        run.status, run.conclusion = "completed", conclusion

    def start(
        self, title: str, *, repository: str = "shop/web", event: str = "repository_dispatch"
    ) -> FakeRun:
        """A run begins now."""
        run = FakeRun(
            1000 + len(self.runs), repository, title, datetime.now(UTC).replace(microsecond=0), event
        )
        self.runs.append(run)
        return run

    def _dispatch(self, call: Call) -> Reply:
        self._check(call)
        if self.read_only:
            raise _refused(403, "Resource not accessible by personal access token")
        body = _event(call)
        self.dispatched.append(body)
        for title in self.listeners.get(body["event_type"], []):
            values = {name: str(value) for name, value in body.get("client_payload", {}).items()}
            self.start(title.format(**values) or body["event_type"], repository=call.match[0])
        return Reply(None, 204)

    def _list(self, call: Call) -> Reply:
        self._check(call)
        since = _since(call.query.get("created", ""))
        event = call.query.get("event")
        found = [
            run
            for run in self.runs
            if run.repository == call.match[0] and run.created_at >= since and event in (None, run.event)
        ]
        rows = [self._row(run) for run in reversed(found)][: int(call.query.get("per_page", "30"))]
        return Reply({"total_count": len(found), "workflow_runs": rows})

    def _one(self, call: Call) -> Reply:
        self._check(call)
        for run in self.runs:
            if run.repository == call.match[0] and str(run.id) == call.match[1]:
                return Reply(self._row(run))
        raise _refused(404, "Not Found")

    def _check(self, call: Call) -> None:
        if call.headers.get("authorization") != f"Bearer {self.token}":
            raise _refused(401, "Bad credentials")
        if self.limited is not None:
            raise Refused(Reply({"message": "API rate limit exceeded"}, 403, dict(self.limited)))
        if call.match[0] not in self.repositories:
            raise _refused(404, "Not Found")
        if call.headers.get("accept") not in _ACCEPT or not call.headers.get("user-agent"):
            raise _refused(415, "Unsupported 'Accept' header")

    def _row(self, run: FakeRun) -> dict[str, Any]:
        return {
            "id": run.id,
            "display_title": run.title,
            "event": run.event,
            "status": run.status,
            "conclusion": run.conclusion,
            "html_url": f"https://github.com/{run.repository}/actions/runs/{run.id}",
            "created_at": f"{run.created_at:%Y-%m-%dT%H:%M:%SZ}",
        }


def _event(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError:
        raise _refused(400, "Problems parsing JSON") from None
    if not isinstance(body, dict) or body.keys() - {"event_type", "client_payload"}:
        raise _refused(422, "Invalid request.")
    kind, payload = body.get("event_type"), body.get("client_payload", {})
    if not isinstance(kind, str) or not 0 < len(kind) <= MAX_EVENT_TYPE:
        raise _refused(422, "event_type is too long (maximum is 100 characters)")
    if not isinstance(payload, dict) or len(payload) > MAX_PAYLOAD_KEYS:
        raise _refused(422, "No more than 10 properties are allowed")
    if len(json.dumps(payload)) > MAX_PAYLOAD:
        raise _refused(422, "client_payload is too large")
    return body


def _since(created: str) -> datetime:
    if not created:
        return datetime.min.replace(tzinfo=UTC)
    if not created.startswith(">="):
        raise _refused(422, "the fake knows only created=>=TIME")
    return datetime.fromisoformat(created[2:])


def _refused(status: int, message: str) -> Refused:
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Refused(Reply(body, status))
