"""The checks of `im doctor`: each a function that returns findings; none changes what it looks at.

The store's checks do what a start does: where nothing serves they start the embedded servers for their own
duration, and bring the tables up to date.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import redis
from redis.exceptions import RedisError

from api.cli import local
from api.cli.errors import CliError
from api.cli.session import api
from router.bootstrap import parts
from router.installation import prepare
from router.problems import Problem
from router.settings import Settings
from rules.engine import probe
from rules.load import RuleFilesError, load

LONG_SECONDS: Final = 60.0
"""A delivery that waits longer than this is worth a look: no worker runs, or a provider is away."""

_PRIVATE: Final = ("admin-token", "secret-key")


class Finding(msgspec.Struct, frozen=True):
    """One line: what was looked at, and the mend where it is not well."""

    name: str
    ok: bool
    text: str
    mend: str = ""


def here(settings: Settings) -> Iterator[Finding]:
    """The findings on this machine, in the order of a start."""
    yield engine()
    yield data_dir(settings.data_dir)
    yield from private_files(settings.data_dir)
    yield port(settings)
    yield rule_files(settings)
    try:
        with local.explained(), local.endpoints(settings) as (effective, alone):
            yield from servers(effective)
            yield from asyncio.run(store(effective, prepared=not alone))
    except CliError as error:
        yield Finding("database", False, "Database and queue cannot be used", str(error))


def elsewhere() -> Iterator[Finding]:
    """The findings about the server of IM_URL."""
    try:
        with api() as server:
            problems = server.get("rules")["problems"]
            yield Finding("server", True, "The server answers and knows the token")
            yield Finding("rules", not problems, "Rules in force", "; ".join(problems))
            for provider in server.get("chatops", "providers"):
                row = server.get("chatops", "providers", provider["name"], "health")
                yield _waiting(row["provider"], row["waiting"], row["oldest_waiting_seconds"])
    except CliError as error:
        yield Finding("server", False, "The server does not do what it should", str(error))


def engine() -> Finding:
    """Whether the C extension of the rules engine was built for this Python."""
    try:
        importlib.import_module("durable_rules_engine")
    except ImportError as error:
        mend = f"run `make setup` where a C compiler is installed ({type(error).__name__})"
        return Finding("engine", False, "Rules engine not importable", mend)
    return Finding("engine", True, "Rules engine importable")


def data_dir(folder: Path) -> Finding:
    """Whether files can be made in the data folder, or the folder itself."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        mend = f"{error.strerror}; change its owner or free space, or set IM_DATA_DIR to another folder"
        return Finding("data_dir", False, f"Data folder {folder} not writable", mend)
    return Finding("data_dir", True, f"Data folder {folder} writable")


def private_files(folder: Path) -> Iterator[Finding]:
    """Whether nobody else can read the files that hold a token or a key."""
    for name in _PRIVATE:
        file = folder / name
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Finding(name, False, f"{file} not readable", f"{error.strerror}; change its owner")
            continue
        text = f"{file} readable by its owner only" if not mode & 0o077 else f"{file} readable by others"
        yield Finding(name, not mode & 0o077, text, f"run `chmod 600 {file}`")


def port(settings: Settings) -> Finding:
    """Whether the port is free, or taken by this installation."""
    place = f"{settings.bind} port {settings.port}"
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.bind, settings.port))
        except OSError as error:
            if local.served(settings):
                return Finding("port", True, f"{place} taken by this installation's `im serve`")
            mend = f"{os.strerror(error.errno or 0)}; end what listens there, or set PORT or IM_BIND"
            return Finding("port", False, f"{place} cannot be used", mend)
    return Finding("port", True, f"{place} free")


def rule_files(settings: Settings) -> Finding:
    """Whether a start would take the rule files."""
    try:
        rule_set = load(settings.rules_dir, default_timezone=settings.timezone)
        probe(rule_set)
    except RuleFilesError as error:
        mend = f"{error.problems[0]}; `im rules validate` lists all"
        return Finding("rules", False, f"Rules in {settings.rules_dir} cannot be used", mend)
    return Finding("rules", True, f"Rules valid: {len(rule_set.routes)} routes in {settings.rules_dir}")


def servers(settings: Settings) -> Iterator[Finding]:
    """Whether PostgreSQL and Redis (or Valkey) answer."""
    try:
        with psycopg.connect(settings.database_url, connect_timeout=5) as connection:
            version = connection.info.parameter_status("server_version") or ""
        yield Finding("database", True, f"Database answers (PostgreSQL {version.partition(' ')[0]})")
    except psycopg.Error as error:
        mend = f"check DATABASE_URL and that PostgreSQL runs ({type(error).__name__})"
        yield Finding("database", False, "Database does not answer", mend)
    try:
        with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=5) as queue:
            queue.ping()
        yield Finding("redis", True, "Queue answers")
    except (RedisError, OSError, ValueError) as error:
        mend = f"check REDIS_URL and that Redis or Valkey runs ({type(error).__name__})"
        yield Finding("redis", False, "Queue does not answer", mend)


async def store(settings: Settings, *, prepared: bool) -> list[Finding]:
    """Whether the tables are up to date, providers can be used, and nothing waits too long."""
    with local.explained():
        if not prepared:
            await prepare(settings)
        async with parts(settings, connections=1) as built:
            try:
                await built.directory.refresh(built.store)
                waiting = await built.store.rows("outbox.pending")
            except (Problem, psycopg.Error) as error:
                why = error.detail if isinstance(error, Problem) else "start `im serve` of this release once"
                return [Finding("store", False, "Tables cannot be read", why)]
            broken = built.directory.broken
            known = built.directory.providers
    found = [
        Finding("provider", False, f"Provider {name} cannot be used", why) for name, why in broken.items()
    ]
    found += [Finding("provider", True, f"Provider {name} readable") for name in known]
    return found + [_waiting(row["provider"], row["waiting"], row["oldest"]) for row in waiting]


def _waiting(provider: str, count: int, oldest: float) -> Finding:
    if not count or oldest < LONG_SECONDS:
        return Finding("waiting", True, f"Nothing waits long for {provider}")
    mend = f"see that `im serve` or `im worker` runs, then `im chatops test {provider}`"
    return Finding(
        "waiting", False, f"{count} deliveries wait for {provider}, {oldest:.0f} s the longest", mend
    )
