"""Builds the front and takes it down in order: seam, readers, API, pages, uplink. The only place that knows all of it.

Ready means that HTTP is bound, not that the field or the broker was reached. A stop closes every stream first, so that
no open page costs the time a stop may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from fastapi import Depends, FastAPI

from edge import exit_codes
from edge.access import Keyring
from edge.clock import Clock, SystemClock
from edge.config.model import Settings
from edge.errors import EdgeError
from edge.front import serving
from edge.front.api import problems
from edge.front.api.auth import Guard, ToLogin, to_login
from edge.front.api.middleware import Wrapped
from edge.front.api.routes import commands, devices, events, health, reports, reviews, wires
from edge.front.api.sessions import Patience, Sessions
from edge.front.certificates import CertificatesWatch
from edge.front.context import Front
from edge.front.dashboard import live as live_route
from edge.front.dashboard import pages
from edge.front.live import Live
from edge.front.readers import Readers
from edge.front.safe import safe_mode
from edge.front.uplink import told as uplink_told
from edge.front.uplink import uplink
from edge.health.conditions import condition
from edge.health.slices import take_short_slices
from edge.health.watchdog import Notify, Pillars, Watchdog
from edge.logs import setup
from edge.seam.client import SeamClient
from edge.version import program_version
from sync.db import WAL_LIMIT, Database

STOP_WITHIN_S = 1.8
NICE = 10
"""A page or a page of the log may wait for a machine's answer, never the other way round (docs/decisions/0016)."""
EXIT_LISTEN = 69
"EX_UNAVAILABLE: a socket cannot be bound; systemd tries again."
log = structlog.get_logger()


def build(settings: Settings, *, clock: Clock | None = None, seam: SeamClient | None = None) -> tuple[Front, Live, Any]:
    """The parts and the ASGI application; nothing runs yet. `seam`: instead of the configured socket's."""
    clock = clock or SystemClock()
    name = program_version()
    seam = seam or SeamClient(Path(settings.gateway.run_directory) / "field.sock", program=name)
    open_reader = Database(Path(settings.store.directory) / "hall.db").open_reader
    readers = Readers(open_reader, barred=lambda: safe_mode(seam.mirror))
    seam.on_loss(readers.closed)
    seam.on_return(readers.opened)
    if seam.connected:
        readers.opened()
    access_key = settings.access_key.get_secret_value().encode() if settings.access_key else b""
    front = Front(
        settings=settings,
        seam=seam,
        readers=readers,
        keyring=Keyring(settings.keys, access_key),
        clock=clock,
        version=name,
        started_at=clock.wall(),
    )
    live = Live(front)
    return front, live, Wrapped(application(front, live))


def application(front: Front, live: Live) -> FastAPI:
    """All routes behind the guard. Pages of FastAPI's own would load from outside, so there are none."""
    sessions = Sessions(front.settings.web.session_minutes * 60.0, front.clock.monotonic)
    guard = Guard(front, sessions, Patience(front.clock.monotonic))
    app = FastAPI(
        title="hall-edge",
        version=front.version,
        # On the application and not on a router: no route that is ever added can go round it.
        dependencies=[Depends(guard)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_exception_handler(ToLogin, to_login)
    health.add_to(app, front, live, sessions)
    events.add_to(app, front)
    commands.add_to(app, front)
    devices.add_to(app, front)
    reviews.add_to(app, front)
    reports.add_to(app, front)
    wires.add_to(app, front)
    live_route.add_to(app, front, live)
    pages.add_to(app, front, live, sessions, guard)
    return app


def listeners(settings: Settings, app: Any) -> list[tuple[serving.Server, Any]]:
    """Every socket bound, with its server. Raises ListenError: nothing is served then, and no socket stays open."""
    web = settings.web
    bound: list[tuple[serving.Server, Any]] = []
    try:
        _refuse_open_doors(settings)
        control = serving.bind_control(Path(settings.gateway.run_directory) / "control.sock")
        bound.append((serving.server(app, local=True), control))
        for listen in web.listen:
            bound.append((serving.server(app, cert=web.cert, key=web.key), serving.bind_tcp(listen)))
        for listen in web.listen_central:
            server = serving.server(app, cert=web.cert, key=web.key, client_ca=web.client_ca)
            bound.append((server, serving.bind_tcp(listen)))
    except BaseException:  # Whatever it was, also being cancelled: what was bound is let go, and it is raised again.
        for _, sock in bound:
            sock.close()
        raise
    return bound


def _refuse_open_doors(settings: Settings) -> None:
    web = settings.web
    for listen in web.listen:
        if not serving.is_loopback(listen) and not web.cert:
            raise serving.ListenError(f"{listen} is not loopback and there is no certificate: set [web] cert and key.")
    if web.listen_central and not (web.cert and web.client_ca):
        raise serving.ListenError("[web] listen_central needs cert, key and client_ca.")


class House:
    """A running front: `async with running(settings)`; leaves within two seconds."""

    def __init__(self, front: Front, live: Live, app: Any) -> None:
        self.front = front
        self.live = live
        self.pillars = Pillars()
        self.tasks: list[asyncio.Task[Any]] = []
        self._servers = listeners(front.settings, app)
        self._control = Path(front.settings.gateway.run_directory) / "control.sock"
        self.ports = [sock.getsockname()[1] for _, sock in self._servers[1:]]
        "TCP ports in the order of the configuration; tests bind port 0."

    def start(self) -> None:
        """Start everything that runs."""
        loop = asyncio.get_running_loop()
        front = self.front
        self._serving = [loop.create_task(server.serve(sockets=[sock]), name="http") for server, sock in self._servers]
        self.tasks.append(loop.create_task(front.seam.run(), name="seam"))
        self.tasks.append(loop.create_task(self.live.run(), name="live"))
        self.tasks.append(loop.create_task(CertificatesWatch().run(front), name="certificates"))
        road = uplink(front)
        if road is not None:
            front.uplink_told = lambda: uplink_told(road)
            self.tasks.append(loop.create_task(road.run(), name="uplink"))
        now = front.clock.monotonic()
        self.pillars.add("http", 10.0, now)
        self.pillars.add("seam", 15.0, now)

    async def beat(self, watchdog: Watchdog) -> None:
        """Once a second: ask ourselves over HTTP, look at the seam, and tell systemd if both move."""
        front = self.front
        while await front.pause(1.0):
            now = front.clock.monotonic()
            if await _answers(self._control):
                self.pillars.moved("http", now)
            self.pillars.moved("seam", front.seam.moved_at)
            if front.seam.mirror.gateway.wal_bytes > WAL_LIMIT:
                front.readers.hurry()
            seam = "field answers" if front.seam.connected else f"field away: {front.seam.last_error}"
            watchdog.beat(now, f"{seam}; {self.live.streams} live pages")

    async def stop(self) -> None:
        """Streams end, requests finish, tasks are cancelled, sockets go."""
        self.front.stop.set()
        for server, _ in self._servers:
            server.should_exit = True
        _, late = await asyncio.wait(self._serving, timeout=STOP_WITHIN_S)
        for task in (*late, *self.tasks):
            task.cancel()
        await asyncio.gather(*self._serving, *self.tasks, return_exceptions=True)
        self.front.readers.closed()
        for _, sock in self._servers:
            sock.close()
        with contextlib.suppress(FileNotFoundError):
            self._control.unlink()

    async def died(self) -> asyncio.Task[Any]:
        """Waits until a part ends that never should."""
        done, _ = await asyncio.wait({*self.tasks, *self._serving}, return_when=asyncio.FIRST_COMPLETED)
        return done.pop()


@contextlib.asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[House]:
    """A front that runs until the end of the block. Raises ListenError."""
    house = House(*build(settings, clock=clock))
    house.start()
    try:
        yield house
    finally:
        await house.stop()


async def _answers(control: Path) -> bool:
    """Does our own accept loop answer on the control socket?"""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_unix_connection(str(control))
            try:
                writer.write(b"GET /api/v1/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False


async def _main(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notify = Notify()
    async with running(settings) as house:
        gc.collect()
        gc.freeze()
        notify.ready("pages are served")
        log.info("front is ready", listen=list(settings.web.listen), ports=house.ports)
        beating = loop.create_task(house.beat(Watchdog(notify, house.pillars)), name="watchdog")
        house.tasks.append(beating)
        stopped = loop.create_task(stop.wait())
        dying = loop.create_task(house.died())
        await asyncio.wait({stopped, dying}, return_when=asyncio.FIRST_COMPLETED)
        code = 0
        if not stopped.done():
            part = dying.result()
            error = None if part.cancelled() else part.exception()
            log.critical("a part of the front died", name=part.get_name(), exc_info=error, code="HE6000")
            code = exit_codes.BUG
        notify.stopping("closing pages")
        for task in (stopped, dying):
            task.cancel()
        await asyncio.gather(stopped, dying, return_exceptions=True)
    notify.close()
    return code


def run(settings: Settings) -> int:
    """``hall-edge front``. Exit codes: 0 clean, 69 a socket cannot be bound, 70 bug."""
    setup(settings.log.level, part="front", monotonic=time.monotonic)
    with contextlib.suppress(PermissionError):  # the unit has done it, and forbids the call
        os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    # Not to be let in sooner, but to be let out: also the kernel's own threads, on which a commit waits, stand behind us.
    take_short_slices()
    try:
        return asyncio.run(_main(settings))
    except EdgeError as error:
        if error.slug != serving.ListenError.slug:
            raise
        row = condition(error.slug)
        print(f"hall-edge front: {str(error).rstrip('.')}. {row.remedy} ({row.code})", file=sys.stderr)
        return EXIT_LISTEN
