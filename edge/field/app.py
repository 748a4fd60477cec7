"""Builds the field and takes it down in order. The only place of this half that knows all of its rooms."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from edge import exit_codes
from edge.board import Board
from edge.clock import Clock, SystemClock, stamp
from edge.config.model import Settings
from edge.field.answers import Answers
from edge.field.coldstart import Books, SecondField, open_books
from edge.field.commands.dispatch import CommandKey, Dispatch
from edge.field.desk import Desk
from edge.field.found import Found
from edge.field.incidents import incident
from edge.field.journal import Journal
from edge.field.keeping import Keeping
from edge.field.laststop import Failure, forget_failure, note_failure, read_failure
from edge.field.openers import opener
from edge.field.page import Watch
from edge.field.pollers import exact
from edge.field.pollers.hearing import Habits, Hearing
from edge.field.pollers.sas import SasPoller
from edge.field.pollers.supervisor import Supervisor
from edge.field.registry import Registry, balance_rules, prepare
from edge.field.rounds import Rounds
from edge.field.safe import SafeField
from edge.field.seating import seat_all
from edge.field.upkeep import Upkeep
from edge.field.upkeep.ballast import make_way
from edge.field.upkeep.bus import Lines
from edge.field.upkeep.guarded import Guarded
from edge.field.upkeep.guards import Guards
from edge.field.upkeep.inbox import Forgetting
from edge.field.upkeep.retention import Retention
from edge.field.upkeep.room import Room, quota_pages
from edge.field.upkeep.told import Told
from edge.field.upkeep.verifying import Verifying
from edge.hall.days import INTERVALS
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.health.slices import take_short_slices
from edge.health.watchdog import Notify, Pillars, Watchdog
from edge.logs import setup
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from edge.seam.server import SeamServer
from edge.store.markers import mark_clean
from edge.version import program_version
from sync import inbox
from sync.db import PAGES_MAX, Database, Transaction
from sync.errors import StorageFatal, StorageFull, StoreError
from sync.writer import Writer

STOP_LINES_WITHIN_S = 1.2
"""Of the 2 s a stop may take: so long the lines may need to finish their poll and send the 80 that acknowledges it."""

LINES_TOLD = 256
"""Names of lines in one event at most; there is a count beside them."""

SWITCH_S = 0.0005
"""The writer's thread gives the interpreter back to the tick within this (5 ms by default: one missed byte gap)."""

log = structlog.get_logger("field")


class Field:
    """All rooms of the field, built in the order in which they may act."""

    def __init__(self, settings: Settings, books: Books, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.books = books
        self.clock: Clock = clock or SystemClock()
        self.board = Board()
        self.desk = Desk()
        self._subject = f"gateway/{settings.gateway.id}"

    async def run(self) -> int:
        """From the open books to the orderly stop. Returns the exit code."""
        loop = asyncio.get_running_loop()
        self._fatal: asyncio.Future[BaseException] = loop.create_future()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        notify = Notify()
        await self._build(loop, notify)
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_S)
        tasks = [*self.rounds.tasks(loop), *(loop.create_task(each.run(), name="upkeep") for each in self.upkeep)]
        notify.ready("polling begins")
        log.info("field is ready", lines=len(self.supervisor.wires), machines=len(self.hearing.seats))
        stopped = loop.create_task(stop.wait())
        waited: list[asyncio.Future[Any]] = [stopped, self._fatal, *tasks]
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        code = 0
        if self._fatal in done:
            # A storage error is a full stop: nobody is answered any more, the next start reads what the disk has.
            log.critical("storage failed; nothing more is acknowledged", error=str(self._fatal.result()))
            code = exit_codes.STORAGE
            slug = getattr(self._fatal.result(), "slug", StorageFatal.slug)
            note_failure(self.books.directory, Failure(slug, str(self._fatal.result()), stamp(self.clock.wall())))
        elif stopped not in done:
            code = exit_codes.BUG
            for task in done:
                log.critical("a part of the field died", error=repr(task.exception()))
        notify.stopping("finishing the polls that are out")
        if code == 0:
            await self._stop_lines()
            await self.keeping.end()
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
        self.supervisor.close()
        self.poller.close()
        await self.seam.close()
        if code == 0:
            self.writer.close()
            self.keeping.close()
            self.guarded.stopped()
        return code

    async def _build(self, loop: asyncio.AbstractEventLoop, notify: Notify) -> None:
        settings = self.settings
        self.writer = Writer(
            self.books.database,
            now_utc=self.clock.wall,
            post=loop.call_soon_threadsafe,
            on_fatal=lambda error: loop.call_soon_threadsafe(self._die, error),
            pages_max=quota_pages(settings.store.quota_mib, PAGES_MAX),
        )
        self.writer.start()
        self.journal = self._new_journal()
        self.keeping = Keeping(self.books, self.journal, self.writer, self.clock, subject=self._subject,
                               version=program_version(), record=self._record_quietly)  # fmt: skip
        await self.keeping.begin()
        self.registry: Registry = await self.journal.write(lambda tx: prepare(tx, settings))
        for difference in self.registry.differences:
            log.warning(
                "configuration and registry differ; the registry counts", egm=difference.asset, what=difference.field
            )
        self.journal.know({machine.asset: machine for machine in self.registry.egms})
        zone = ZoneInfo(settings.hall.time_zone)
        habits = Habits(
            currency=settings.hall.currency,
            snapshot_codes=tuple(settings.polling.meters),
            snapshot_every_s=float(settings.polling.meters_every_s),
            days=GamingDays.of(settings.hall.time_zone, settings.hall.gaming_day_start),
            day_end_within_s=float(settings.polling.day_end_within_s),
            per_game=settings.polling.per_game,
            game_codes=tuple(settings.polling.game_meters),
            language=settings.hall.language,
            hall_time=lambda: self.clock.wall().astimezone(zone),
        )
        self.hearing = Hearing(self.journal, self.board, self.desk, self.clock, habits)
        self.poller = SasPoller(self.hearing, monotonic=self.clock.monotonic)
        self.hearing.poller = self.poller
        self.supervisor = Supervisor(self.poller, self.hearing, self.journal, self.board, self.clock)
        self._build_room()
        unclean = seat_all(
            self.settings, self.registry, self.hearing, self.supervisor, self.board, self.clock.monotonic()
        )
        self.dispatch = Dispatch(
            gateway=settings.gateway.id,
            hearing=self.hearing,
            desk=self.desk,
            write=self.journal.write,
            record=self._record_quietly,
            clock=self.clock,
            keys={
                key.key_id: CommandKey(key.key_id, bytes.fromhex(key.ed25519), key.central)
                for key in settings.command_keys
            },
            snapshot_codes=habits.snapshot_codes,
            hall_time=habits.hall_time,
            read_within_s=float(settings.polling.read_within_s),
            no_room=self.room.shedding.refuses,
        )
        self.guarded = Guarded(self.books.directory, after=settings.gateway.guarded_after_starts, dispatch=self.dispatch,
                               board=self.board, clock=self.clock)  # fmt: skip
        with contextlib.closing(Database(self.books.database).open_reader()) as reader:
            self.dispatch.resume(self.guarded.may_go_on(inbox.open_commands(reader)))
        self._tell_started(unclean)
        answers = Answers(self.journal, self.writer, self.dispatch, self.poller, self.supervisor, subject=self._subject)
        answers.scanning.openers = {line.name: opener(line) for line in settings.lines if line.is_sas and line.enabled}
        socket = Path(settings.gateway.run_directory) / "field.sock"
        self.seam = SeamServer(socket, answers, self.board, program_version(), on_bug=_note_bug)
        answers.dropped = self.seam.dropped
        answers.claims = self.keeping.claims
        answers.tracer = lambda line, r: self.seam.trace(line, r.at, r.direction, r.data, r.flags)
        await self.seam.start()
        self.writer.on_commit = self._head_moved
        self._head_moved()
        pillars = Pillars()
        self.rounds = Rounds(
            clock=self.clock,
            board=self.board,
            writer=self.writer,
            poller=self.poller,
            hearing=self.hearing,
            supervisor=self.supervisor,
            dispatch=self.dispatch,
            watchdog=Watchdog(notify, pillars),
            pillars=pillars,
            record=self._record_quietly,
            subject=self._subject,
        )
        # Runs beside everything else; each is a room with a `run` that ends only when it is cancelled.
        self.upkeep: list[Upkeep] = [
            self.guarded,
            Guards(
                self.books.database,
                writer=self.writer,
                record=self._record_quietly,
                board=self.board,
                clock=self.clock,
                subject=self._subject,
            ),
            Retention(
                self.journal.write,
                self.clock,
                keep_events_days=settings.store.keep_events_days,
                keep_money_days=settings.store.keep_money_days,
            ),
            Forgetting(self.journal.write, self.clock),
            self.room,
            self.keeping,
            Verifying(self.books.database, self.clock, habits.hall_time, self._record_quietly, subject=self._subject),
            Told(self.books.directory, record=self.journal.record, clock=self.clock, subject=self._subject),
        ]
        self.poller.start(loop)

    def _new_journal(self) -> Journal:
        settings, polling = self.settings, self.settings.polling
        return Journal(
            self.writer,
            source=f"urn:hall:{settings.hall.id}:gw:{settings.gateway.id}",
            gaming_day=GamingDays.of(settings.hall.time_zone, settings.hall.gaming_day_start).label,
            quality=self.clock.quality,
            incidents=self.books.incidents,
            pace=Pace(
                credits_per_hour=polling.credits_per_hour,
                cents_per_hour=polling.cents_per_hour,
                count_per_hour=polling.games_per_hour,
            ),
            on_wrong_machine=polling.on_wrong_machine,
            balance=balance_rules(settings),
            watch=Watch(
                GamingDays.of(settings.hall.time_zone, settings.hall.gaming_day_start),
                float(INTERVALS * polling.meters_every_s),
            ),
        )

    def _tell_started(self, unclean: list[str]) -> None:
        last = "first" if self.registry.first_run else "unclean" if unclean else "clean"
        data: dict[str, Json] = {
            "version": program_version(),
            "last_stop": last,
            "lines_unclean": unclean[:LINES_TOLD],
            "lines_unclean_count": len(unclean),
            "clock": self.clock.quality(),
            "sqlite": sqlite3.sqlite_version,
        }
        self._record_quietly([Fact("hall.gateway.started.v1", self._subject, self.clock.wall(), data)])
        failure = read_failure(self.books.directory)
        if failure is not None:
            what: dict[str, Json] = {"text": failure.text, "at": failure.at}
            self.journal.record(
                [incident(failure.slug, what, subject=self._subject, at=self.clock.wall())],
                lambda _written, error: None if error else forget_failure(self.books.directory),
            )
        self.board.update_gateway(
            gateway=self.settings.gateway.id,
            hall=self.settings.hall.name,
            version=program_version(),
            started_at=stamp(self.clock.wall()),
            state="running",
            clock=self.clock.quality(),
        )

    async def _stop_lines(self) -> None:
        """Each line finishes its poll, what it heard is stored, the 80 that acknowledges it leaves; then its marker."""
        self.rounds.stopping = True
        self.hearing.stop()
        self.board.update_gateway(state="stopping")
        wires = [wire for wire in self.supervisor.wires if wire.open]
        now = self.clock.monotonic()
        for wire in wires:
            wire.host.stop(now)
            self.poller.touch(wire)
        deadline = now + STOP_LINES_WITHIN_S
        while self.clock.monotonic() < deadline:
            if all(wire.ended or wire.host.cannot_stop_clean for wire in wires):
                break
            await asyncio.sleep(0.01)
        clean = [wire for wire in wires if wire.ended]
        for wire in self.supervisor.wires:
            self.poller.drop(wire)
        ended = len(clean) == len(self.supervisor.wires)
        data: dict[str, Json] = {"reason": "asked to stop", "clean": ended}
        fact = Fact("hall.gateway.stopped.v1", self._subject, self.clock.wall(), data)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.journal.record([fact], lambda _written, _error: stored.set_result(None), urgent=True)
        await stored

        def mark(tx: Transaction) -> None:
            for wire in clean:
                mark_clean(tx, wire.name)

        with contextlib.suppress(StorageFull):  # full: no marker, the next start is silent first
            await self.journal.write(mark)
        log.info("lines stopped", clean=len(clean), lines=len(self.supervisor.wires))

    def _die(self, error: BaseException) -> None:
        if not self._fatal.done():
            self._fatal.set_result(error)

    def _head_moved(self) -> None:
        head = self.writer.head
        self.board.update_gateway(streamid=head.cursor.streamid, epoch=head.epoch, sequence=head.cursor.sequence)
        self.seam.announce_head(head.position, head.cursor)
        self.keeping.moved(head)
        self.room.note_commit(self.writer.last_commit_s)

    def _build_room(self) -> None:
        self.lines = Lines(self.journal, self.hearing, self.poller, self.supervisor, self.clock)
        self.room = Room(
            self.books.directory,
            self.books.database,
            self.settings.store,
            clock=self.clock,
            board=self.board,
            bus=self.lines,
            write=self.journal.write,
            record=self._record_quietly,
            subject=self._subject,
        )
        self.hearing.full = self.lines.full = self.room.full
        self.hearing.shed = self.room.shedding.gives_up

    def _record_quietly(self, found: list[Fact] | list[Found]) -> None:
        self.lines.record(found)


def _note_bug(bug: BaseException) -> None:
    # The caller was told "internal" and nothing was changed; wires and books go on.
    log.error("a request over the seam met a bug", error=repr(bug))


def run(settings: Settings) -> int:
    """``hall-edge field``. Exit codes: 0 clean, 70 bug, 74 storage."""
    setup(settings.log.level, part="field", monotonic=time.monotonic)
    # Before there are threads: the writer, for whom lines wait, takes after us.
    log.debug("short turns on the processor", refused=take_short_slices())
    make_way(Path(settings.store.directory))
    try:
        books = open_books(settings)
    except (SecondField, StoreError, OSError, sqlite3.Error) as error:
        print(f"hall-edge field: {error}", file=sys.stderr)
        return exit_codes.STORAGE
    if books.verdict.safe is not None:
        return asyncio.run(SafeField(settings, books.verdict.safe).run())
    try:
        code = exact.run(Field(settings, books).run())
    except StorageFull as full:
        print(f"hall-edge field: {full}", file=sys.stderr)
        code = exit_codes.STORAGE
    if code == exit_codes.STORAGE:
        # An orderly end would close the connection, and closing writes: a checkpoint onto a disk that just refused.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
