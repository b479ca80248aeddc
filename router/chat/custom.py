"""A team's function as a command: the request it gets, the time it has, and what becomes of its failures."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from adapters.contract import Message
from router import announce, compose
from router.chat import asked as words
from router.chat.asked import Answer, Asked, Run, World, said
from router.chat.commands import Button, Command
from router.chat.extending import Button as ReplyButton
from router.chat.extending import (
    DeclaredButton,
    DeclaredCommand,
    Declined,
    Function,
    Reply,
    Request,
    User,
)
from router.chat.usage import Misused, Usage, usage
from router.incidents import Incident
from router.problems import Problem

LIMIT_SECONDS: Final = 30.0
"""Shorter than the lease of an input, so that no second process begins with it meanwhile."""
MAX_POSTS: Final = 20
MAX_BUTTONS: Final = 25
GROUP: Final = "Of this installation"
_MAX_HEADLINE: Final = 150
_log = structlog.get_logger()


def command_of(declared: DeclaredCommand, *, limit: float = LIMIT_SECONDS) -> Command:
    """The command that a function was declared as; ValueError when its usage line cannot be read."""
    read = usage(declared.name, declared.usage)
    return Command(
        name=declared.name,
        usage=read,
        help=declared.help,
        example=declared.example or read.shown,
        run=run_of(f"/im {declared.name}", declared.function, read, limit=limit),
        role=declared.role,
        instead=declared.instead,
        group=GROUP,
    )


def button_of(declared: DeclaredButton, *, limit: float = LIMIT_SECONDS) -> Button:
    """The button that a function was declared as."""
    run = run_of(f"The button {declared.id}", declared.function, None, limit=limit)
    return Button(id=declared.id, run=run, role=declared.role)


def run_of(shown: str, function: Function, use: Usage | None, *, limit: float) -> Run:
    """What doing it is: the function's reply, or one sentence about its failure; never its exception."""

    async def run(world: World, asked: Asked, incident: Incident | None) -> Answer:
        posts = Posts(world, asked)
        request = request_of(asked, incident, use, posts)
        try:
            async with asyncio.timeout(limit) as scope:
                reply = replied(await _called(function, request))
        except (Problem, Misused):
            raise
        except (Exception, SystemExit) as error:
            late = isinstance(error, TimeoutError) and scope.expired()
            return _failed(shown, asked, incident, error, late=late, limit=limit)
        finally:
            await posts.written()
        return Answer(message=message_of(shown, reply), outcome="done", incident=incident)

    return run


def request_of(asked: Asked, incident: Incident | None, use: Usage | None, posts: Posts) -> Request:
    """The request as a team's function sees it."""
    given, arguments, speaker = asked.given, asked.call.arguments, asked.speaker
    names = [parameter.name for parameter in use.parameters] if use else []
    return Request(
        id=asked.id,
        command=asked.call.command,
        args=[arguments[name] for name in names if name in arguments],
        arguments={name: arguments[name] for name in names if name in arguments},
        value="" if use else arguments.get("value", ""),
        user=User(
            id=given.user.id,
            label=asked.name,
            account=speaker.account.name if speaker.account else None,
            role=speaker.role,
        ),
        provider=asked.provider.name,
        channel=given.channel,
        channel_name=given.channel_name,
        thread=given.thread,
        incident=compose.card(incident) if incident else None,
        said=asked.call.said,
        at=asked.at,
        outlet=posts,
    )


def replied(given: object) -> Reply:
    """What a function gave back as a reply; TypeError for anything else."""
    if isinstance(given, Reply) and len(given.buttons) <= MAX_BUTTONS:
        return given
    if given is None or isinstance(given, str):
        return Reply(given or "Done.")
    raise TypeError(f"a command gives a Reply with at most {MAX_BUTTONS} buttons, a text or None")


def message_of(shown: str, reply: Reply) -> Message:
    """The reply as a message: its first line on top, unless that is a paragraph."""
    first, _, more = reply.text.strip().partition("\n")
    headline, text = (first, more) if 0 < len(first) <= _MAX_HEADLINE else (shown, reply.text)
    return said(headline, text.strip(), actions=tuple(_action(each) for each in reply.buttons))


def _action(given: ReplyButton) -> Any:
    style = {"danger": {"danger": True}, "primary": {"primary": True}}.get(given.style, {})
    return words.button(given.id, given.label, given.value, **style)


class Posts:
    """What a function says in the channel while it runs; called from its thread or from the loop.

    Each has a number of its own, so that a request that is worked on twice posts once.
    """

    def __init__(self, world: World, asked: Asked) -> None:
        self._world = world
        self._asked = asked
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, text: str, buttons: Sequence[ReplyButton]) -> None:
        number = next(self._numbers)
        if number > MAX_POSTS:
            raise Declined(f"a command may post {MAX_POSTS} messages, and this one posts more")
        checked = announce.plain(text)
        message = message_of(f"/im {self._asked.call.command}", Reply(checked.text, tuple(buttons)))
        self._loop.call_soon_threadsafe(self._begin, number, message)

    def _begin(self, number: int, message: Message) -> None:
        self._tasks.append(self._loop.create_task(self._write(number, message)))

    async def _write(self, number: int, message: Message) -> None:
        place = (self._asked.provider.name, self._asked.given.channel)
        key = f"{self._asked.id}\npost {number}"
        await announce.enqueue(self._world.parts.store, [place], message, urgent=False, key=key)
        await self._world.parts.waker.wake()

    async def written(self) -> None:
        """Wait until all that was posted is in the outbox; Unavailable where that cannot be."""
        await asyncio.sleep(0)  # what was handed over last begins now
        await asyncio.gather(*self._tasks)


async def _called(function: Function, request: Request) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(request)
    given = await _in_thread(function, request)
    return await given if inspect.isawaitable(given) else given


async def _in_thread(function: Callable[[Request], Any], request: Request) -> Any:
    """Call it in a thread of its own: one that never ends blocks neither the others nor the process's end."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def work() -> None:
        try:
            given, error = function(request), None
        except BaseException as failure:
            given, error = None, failure
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, outcome, given, error)

    threading.Thread(target=work, name=f"im-{request.command}", daemon=True).start()
    return await outcome


def _settle(outcome: asyncio.Future[Any], given: Any, error: BaseException | None) -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(given)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        outcome.set_exception(error)
    else:  # what would end the loop, or what a future does not take
        outcome.set_exception(RuntimeError(f"the function raised {type(error).__name__}"))


def _failed(
    shown: str, asked: Asked, incident: Incident | None, error: BaseException, *, late: bool, limit: float
) -> Answer:
    """The sentence for the person, and the line for the log: neither holds the exception's text."""
    why = "out of time" if late else type(error).__name__
    _log.error("custom_command_failed", command=asked.call.command, error=why, place=_place(error))
    told = (
        f"{shown} did not end within {limit:g} s; what it began may go on."
        if late
        else f"{shown} failed ({why}); the server's log says where."
    )
    return Answer(message=said(told), outcome="failed", incident=incident)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
