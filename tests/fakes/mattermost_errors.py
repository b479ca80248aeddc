"""The refusals of a Mattermost server, in its own form."""

from __future__ import annotations

from tests.fakes.base import Refused, Reply


def app_error(id: str, status: int, message: str = "refused") -> Refused:
    body = {"id": id, "message": message, "detailed_error": "", "request_id": "r" * 26, "status_code": status}
    return Refused(Reply(body, status))


def no_permission() -> Refused:
    return app_error("api.context.permissions.app_error", 403, "You do not have the appropriate permissions.")


def invalid(name: str) -> Refused:
    return app_error("api.context.invalid_body_param.app_error", 400, f"Invalid or missing {name}.")


def bad_props(why: str) -> Refused:
    return app_error("model.post.is_valid.props.app_error", 400, f"Invalid props: {why}")
