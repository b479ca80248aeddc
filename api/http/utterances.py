"""What was said to the bot and how it was understood; what people say of that, and the examples it makes."""

from __future__ import annotations

from typing import Any, Final

from litestar import MediaType, Response, Router, get, post
from litestar.params import FromPath, FromQuery

from api.http.bodies import read, rows
from api.http.context import Call, caller, context_of, now
from router.dialogue import reviewing
from router.problems import Invalid

YAML: Final = "application/yaml"


@get("/api/v1/nlu/utterances", summary="What was said to the bot")
async def list_utterances(
    request: Call,
    provider: FromQuery[str] = "",
    key: FromQuery[str] = "",
    doubtful: FromQuery[bool] = False,
    limit: FromQuery[int] = 100,
) -> dict[str, Any] | list[dict[str, Any]]:
    """The newest first; with `doubtful` those that nobody has judged yet and that may be misunderstood.

    With `provider` and `key` (the platform's own) the one record of that turn; 404 until it is dealt with.
    """
    await caller(request, "admin")
    store = context_of(request).parts.store
    if provider or key:
        if not (provider and key):
            raise Invalid("give `provider` and `key`, or neither")
        return await reviewing.of_turn(store, provider, key)
    listed = reviewing.doubtful if doubtful else reviewing.latest
    return await listed(store, rows(limit))


@get("/api/v1/nlu/utterances/{utterance_id:str}", summary="Show an utterance")
async def show_utterance(request: Call, utterance_id: FromPath[str]) -> dict[str, Any]:
    """As it was understood, what came of it, and what was said of that."""
    await caller(request, "admin")
    return await reviewing.one(context_of(request).parts.store, utterance_id)


@post("/api/v1/nlu/utterances/{utterance_id:str}/verdict", status_code=200, summary="Say what was meant")
async def judge_utterance(request: Call, utterance_id: FromPath[str]) -> dict[str, Any]:
    """Makes a training example of it, unless it is `ignored`; a later verdict replaces it."""
    principal = await caller(request, "admin")
    given = await read(request, reviewing.Verdict)
    store = context_of(request).parts.store
    return await reviewing.judge(store, utterance_id, given, actor=principal.name, now=now())


@get("/api/v1/nlu/examples", summary="The examples that verdicts made")
async def list_examples(request: Call, format: FromQuery[str] = "yaml") -> Response[Any]:
    """In Rasa's training format; with `format=json` that text and how many they are, as JSON."""
    await caller(request, "admin")
    if format not in ("yaml", "json"):
        raise Invalid.at("format", "is `yaml` or `json`")
    count, text = await reviewing.examples(context_of(request).parts.store)
    if format == "json":
        return Response({"examples": count, "yaml": text}, media_type=MediaType.JSON)
    return Response(text, media_type=YAML)


ROUTER = Router(
    "/", route_handlers=[list_utterances, show_utterance, judge_utterance, list_examples], tags=["nlu"]
)
