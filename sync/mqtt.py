"""The road over MQTT 5: one task that connects, sends both lanes, and hands on what central says.

Nothing is decided here that counts: the cursor moves only through ``advance``, a command is judged only by ``admit``.
With ``mqttclient``, ``mqttrequests`` and ``pahowatch`` all that knows aiomqtt, paho and tenacity. What to send next is
``sync.delivery``, over which broker ``sync.ways``; topics are ``sync.topics``.

Why it looks as it does: ``publish`` returning means "sent", no more. paho repeats its own queue on a client that is
used again, so each session has a new one and the log itself is our queue. A session that gets no acknowledgement from
central for ``ack_timeout_s`` is ended, because brokers do lose what they confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Literal, NoReturn, TypeVar

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed, wait_random_exponential

from sync import outbox, rewinding
from sync.delivery import BATCH_EVENTS, LIVE_CATCH_UP, Batch, LiveLane, OrderedLane
from sync.envelope import Cursor, canonical, stamp
from sync.errors import BadCursor, CursorExpired, DeliveryError, FieldAway
from sync.headwatch import HeadWatch
from sync.mqttclient import new_client
from sync.mqttrequests import Requests
from sync.mqttwords import first_of, offline, properties_of, state_of
from sync.pahowatch import TAKEN_OVER, answers, is_late_callback, patient, watch_ending, watch_pubacks
from sync.topics import Topics
from sync.uplink import Alarm, Json, UplinkSettings, UplinkStatus
from sync.ways import Ways

__all__ = ["Alarm", "LinkLost", "Uplink", "UplinkSettings", "UplinkStatus", "is_late_callback"]

T = TypeVar("T")
Ended = Literal["lost", "stalled", "taken", "changed"]
"Why a session of use is over; changed: we ended it ourselves, for another way or another place of the cursor."

LINK = (aiomqtt.MqttError, OSError)
BATCH_TYPE = "application/cloudevents-batch+json"
EVENT_TYPE = "application/cloudevents+json"
LIVE_AT_ONCE = 16
AWAY_PAUSE_S = 0.5
HEALTH_EVERY_S = 60.0
GOODBYE_S = 1.0
CUT_OFTEN = 3
CUT_PAUSE_MAX_S = 10.0
USEFUL_S = 60.0
"A session that lived this long counts as good: the back-off begins anew."


class LinkLost(Exception):
    """The session with the broker ended, or none came about."""


class _Stalled(Exception):
    """Connected, but central confirms nothing."""


class _Changed(Exception):
    """To be begun anew at once: a person set the cursor back, or the first way is well again."""


class _Stopped(Exception):
    """We were asked to stop."""


class Uplink:
    """One per consumer that listens over MQTT. ``run`` until ``stop``, or until cancelled, which stops it as well.

    ``reader()`` gives the connection of this moment, or raises FieldAway. ``advance(consumer, cursor)`` returns once
    the cursor is checked and on disk; raises DeliveryError. ``admit(payload, {"topic", "kind"})`` returns the answer to
    a command; raises FieldAway. ``info()`` is the birth message, ``health()`` a message each minute.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        reader: Callable[[], sqlite3.Connection],
        advance: Callable[[str, Cursor], Awaitable[object]],
        admit: Callable[[bytes, Json], Awaitable[Json]],
        head: HeadWatch,
        *,
        now_utc: Callable[[], datetime],
        info: Callable[[], Json] = dict,
        health: Callable[[], Json] | None = None,
        on_alarm: Callable[[Alarm], None] = lambda _alarm: None,
    ) -> None:
        self.status = UplinkStatus()
        self.topics = Topics(settings.hall, settings.gateway)
        self._settings = settings
        self._reader = reader
        self._advance = advance
        self._head = head
        self._now_utc = now_utc
        self._info = info
        self._health = health
        self._on_alarm = on_alarm
        self._lane = OrderedLane(
            window=settings.window,
            ack_timeout_s=settings.ack_timeout_s,
            pause_first_s=settings.retry_first_s,
            pause_max_s=settings.retry_max_s,
        )
        self._live = LiveLane()
        self._stop = asyncio.Event()
        self._ack: Cursor | None = None
        self._ack_came = asyncio.Event()
        self._room = asyncio.Event()
        self._requests = Requests(self.topics, admit)
        self._places = ((settings.host, settings.port), *settings.spare)
        self._ways = Ways(len(self._places), well_for_s=settings.well_for_s)
        self._short = 0
        "Sessions in a row that the other end has cut before they were of age."

    # life -------------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Say goodbye to the broker and end ``run``."""
        self._stop.set()

    async def run(self) -> None:
        """Connect and send for ever. A lost link is no error; anything that raises here is a bug."""
        task = asyncio.create_task(self._run(), name="uplink")
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self.stop()
            _, late = await asyncio.wait((task,), timeout=1.5 * GOODBYE_S)
            for each in late:
                each.cancel()
            raise

    async def _run(self) -> None:
        with contextlib.suppress(_Stopped):
            while True:
                # A new retry object whenever a session was of use: its back-off begins low again.
                ended = await self._one_useful_session()
                if ended == "stalled":
                    self._ways.failed(asyncio.get_running_loop().time())
                await self._pause(self._pause_after(ended))

    def _pause_after(self, ended: Ended) -> float:
        settings = self._settings
        if ended == "stalled":
            return self._lane.pause_s()
        if ended == "taken":
            return min(settings.retry_max_s, settings.retry_first_s * 2.0 ** min(self._short, 30))
        # Cut again and again: a bad link, or a tug of war that the broker says nothing of. Each time a little later.
        return min(settings.retry_max_s, CUT_PAUSE_MAX_S, 0.1 * 2.0 ** min(self._short, 30))

    async def _one_useful_session(self) -> Ended:
        """Why it ended."""
        retries = AsyncRetrying(
            # 100 ms at least: a late callback of the old session must not meet our new file number.
            wait=wait_fixed(0.1)
            + wait_random_exponential(multiplier=self._settings.retry_first_s, max=self._settings.retry_max_s),
            retry=retry_if_exception_type(LinkLost),
            sleep=self._pause,
            before_sleep=self._after_failure,
        )
        async for attempt in retries:
            with attempt:
                return await self._session()
        raise AssertionError("the retries have no end")  # pragma: no cover

    async def _session(self) -> Ended:
        """One connection from birth to death. Returns why it ended if it was of use, otherwise raises LinkLost."""
        status, lane, loop = self.status, self._lane, asyncio.get_running_loop()
        session, born = secrets.token_hex(8), loop.time()
        before = await self._read(lambda conn: outbox.position_of(conn, self._settings.consumer))
        epoch = await self._read(lambda conn: outbox.head(conn).epoch)
        lane.begin(before)
        self._live.begin(before)
        client = new_client(self._settings, self._places[self._ways.current], self.topics.state, session)
        ended = watch_ending(client)
        try:
            async with client:
                status.connected, status.session, status.error = True, session, None
                status.since, status.way = stamp(self._now_utc()), self._ways.current
                status.sessions += 1
                await self._greet(client, session, epoch)
                with patient(client):
                    await self._work(client, session)
        except LINK as lost:
            status.error = str(lost) or type(lost).__name__
            if status.connected:
                self._short = 0 if loop.time() - born >= USEFUL_S else self._short + 1
            if self._short >= CUT_OFTEN:
                self._alarm("sessions-cut", f"{self._short} sessions in a row were cut; has another our client id?")
            if TAKEN_OVER in ended:
                self._alarm("session-taken-over", f"Somebody else connects as {self._settings.client_id}.")
                return "taken"
            if lane.confirmed_position == before and loop.time() - born < USEFUL_S:
                raise LinkLost(status.error) from lost
            return "lost"
        except _Stalled:
            status.error = "central confirms nothing"
            status.stalls += 1
            return "stalled"
        except _Changed as why:
            status.error = str(why)
            return "changed"
        finally:
            status.connected = False
            status.in_flight = 0
            # Lost before anybody listened: its error would be reported at some later moment as never looked at.
            gone = client._disconnected
            if gone.done() and not gone.cancelled():
                gone.exception()

    async def _greet(self, client: aiomqtt.Client, session: str, epoch: int) -> None:
        topics = self.topics
        watch_pubacks(client, self.topics.log, self._alarm)
        wanted = [topics.ack(self._settings.consumer), topics.central_state(self._settings.consumer), topics.requests]
        codes = await client.subscribe([(topic, 1) for topic in wanted])
        for topic, code in zip(wanted, codes, strict=False):
            if isinstance(code, ReasonCode) and code.value >= 128:
                self._alarm("subscribe-refused", f"The broker refused {topic}: {code} ({code.value}).", topic=topic)
        online = {"state": "online", "session": session, "epoch": epoch, "since": self.status.since}
        await client.publish(topics.state, canonical(online), qos=1, retain=True)
        await client.publish(topics.info, canonical(self._info()), qos=1, retain=True)

    async def _work(self, client: aiomqtt.Client, session: str) -> NoReturn:
        """Until the link is lost, central stalls, or we stop. Raises MqttError, OSError, _Stalled, _Stopped."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(client))
                group.create_task(self._confirm())
                group.create_task(self._requests.answer(client))
                group.create_task(self._send_live(client))
                group.create_task(self._drain(client, group))
                group.create_task(self._watch_stall())
                if self._ways.on_spare:
                    group.create_task(self._watch_first_way())
                if self._health is not None:
                    group.create_task(self._tell_health(client, self._health))
                await self._stop.wait()
                raise _Stopped
        except BaseExceptionGroup as several:  # not ``except*``: what is raised inside that is wrapped again
            expected, others = several.split((*LINK, _Stalled, _Changed, _Stopped))
            if others is not None or expected is None:
                raise
            own = expected.subgroup((_Stopped, _Changed))
            if own is None:
                raise first_of(expected) from several
            with contextlib.suppress(*LINK):
                await client.publish(self.topics.state, offline(session), qos=1, retain=True, timeout=GOODBYE_S)
            raise first_of(own.subgroup(_Stopped) or own) from None

    # out --------------------------------------------------------------------------------------------------------------

    async def _drain(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        loop, lane = asyncio.get_running_loop(), self._lane
        while True:
            after = lane.next_after()
            if after is None:
                self._room.clear()
                await self._room.wait()
                continue
            try:
                ask = partial(outbox.page, after=after, limit=BATCH_EVENTS, max_bytes=lane.batch_bytes)
                page = await self._read(ask)
            except CursorExpired as gone:
                # Only who is not required can come to this. Live copies go on; a person decides where the rest begins.
                self._alarm(gone.slug, f"What {self._settings.consumer} lacks is not here any more: {gone}")
                await asyncio.sleep(self._settings.retry_max_s)
                continue
            if not page.bodies:
                await self._wait_beyond(after)
                continue
            batch = Batch.of(page.bodies, page.next, page.position)
            lane.sent(batch, loop.time())
            self.status.in_flight = lane.in_flight
            group.create_task(self._publish_batch(client, batch))
            await asyncio.sleep(0)

    async def _publish_batch(self, client: aiomqtt.Client, batch: Batch) -> None:
        through = batch.through
        names = {"streamid": through.streamid, "first": str(batch.first), "last": str(through.sequence)}
        beside = [*names.items(), ("sha256", through.sha256)]
        await client.publish(self.topics.log, batch.payload, qos=1, properties=properties_of(BATCH_TYPE, beside))
        self.status.batches += 1
        self.status.events += batch.count

    async def _send_live(self, client: aiomqtt.Client) -> None:
        live = self._live
        live.skip_to(await self._read(lambda conn: outbox.live_newest(conn, live.position, LIVE_CATCH_UP)))
        properties = properties_of(EVENT_TYPE)
        while True:
            seen = self._head.position
            copies = await self._read(lambda conn: outbox.live_after(conn, live.position, LIVE_AT_ONCE))
            if not copies:
                await self._head.wait_beyond(seen, 5.0)
                continue
            async with asyncio.TaskGroup() as group:
                for copy in copies:
                    topic = self.topics.live(copy.live_class)
                    group.create_task(client.publish(topic, copy.body, qos=1, properties=properties))
            live.gone(copies[-1].position, len(copies))
            self.status.live_copies = live.copies

    async def _tell_health(self, client: aiomqtt.Client, health: Callable[[], Json]) -> None:
        while True:
            await client.publish(self.topics.health, canonical(health()), qos=0)
            await asyncio.sleep(HEALTH_EVERY_S)

    # in ---------------------------------------------------------------------------------------------------------------

    async def _listen(self, client: aiomqtt.Client) -> None:
        consumer = self._settings.consumer
        ack, central = self.topics.ack(consumer), self.topics.central_state(consumer)
        async for message in client.messages:
            topic = message.topic.value
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if topic == ack:
                try:
                    cursor = Cursor.parse(payload)
                except BadCursor as wrong:
                    self._alarm("bad-ack", f"Central's acknowledgement is none: {wrong}")
                    continue
                if message.retain and await self._read(
                    partial(rewinding.is_of_before, consumer=consumer, cursor=cursor)
                ):
                    self._alarm("stale-ack", "The broker keeps a word from before the consumer was set back.")
                    continue
                self._ack = cursor
                self._ack_came.set()
            elif topic == central:
                with contextlib.suppress(BadCursor):
                    self.status.central_state = state_of(payload)
            elif message.retain:
                self._alarm("retained-request", f"A retained command on {topic} was left alone.", topic=topic)
            else:
                await self._requests.put(client, message)

    async def _confirm(self) -> None:
        """Acknowledgements are cumulative: only the newest that waits is handed on."""
        while True:
            await self._ack_came.wait()
            self._ack_came.clear()
            cursor = self._ack
            assert cursor is not None
            try:
                await self._advance(self._settings.consumer, cursor)
            except FieldAway:
                await asyncio.sleep(AWAY_PAUSE_S)
                self._ack_came.set()
                continue
            except DeliveryError as refused:
                self._alarm(refused.slug, f"Central's acknowledgement was refused: {refused}", **refused.facts)
                continue
            self._confirmed(await self._read(lambda conn: outbox.position_of(conn, self._settings.consumer)))

    def _confirmed(self, position: int) -> None:
        if self._lane.confirmed(position, asyncio.get_running_loop().time()):
            self.status.in_flight = self._lane.in_flight
            self._room.set()

    # watching ---------------------------------------------------------------------------------------------------------

    async def _watch_stall(self) -> None:
        loop, lane = asyncio.get_running_loop(), self._lane
        while True:
            await asyncio.sleep(min(1.0, self._settings.ack_timeout_s / 4))
            position = await self._read(lambda conn: outbox.position_of(conn, self._settings.consumer))
            if position < lane.confirmed_position:
                raise _Changed("set back to an older record")
            # Confirmed over the other road, or set aside by a person.
            self._confirmed(position)
            if lane.stalled(loop.time()):
                self._alarm("ack-stalled", f"Central has confirmed nothing for {self._settings.ack_timeout_s:g} s.")
                raise _Stalled

    async def _watch_first_way(self) -> None:
        """While a spare way is in use: does the first answer again, and has for a while? Nothing is said there."""
        settings, loop = self._settings, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(settings.probe_every_s)
            if self._ways.probed(await answers(*self._places[0], settings.context, settings.timeout_s), loop.time()):
                raise _Changed("the first way is well again")

    def _alarm(self, slug: str, text: str, **facts: object) -> None:
        self.status.alarms[slug] += 1
        self._on_alarm(Alarm(slug, text, facts))

    def _after_failure(self, state: RetryCallState) -> None:
        self._ways.failed(asyncio.get_running_loop().time())
        self.status.error = str(state.outcome.exception() if state.outcome is not None else None)

    # waiting ----------------------------------------------------------------------------------------------------------

    async def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the books; while they cannot be read, wait."""
        while True:
            try:
                return ask(self._reader())
            except (FieldAway, sqlite3.OperationalError):
                await self._pause(AWAY_PAUSE_S)

    async def _wait_beyond(self, position: int) -> None:
        if self._head.position > position:
            # Announced but not readable: another log, or a reader that lags. Never a busy loop.
            await asyncio.sleep(0.05)
        # 5 s: even if nobody announces, a record is found.
        else:
            await self._head.wait_beyond(position, 5.0)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond a stop. Raises _Stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        if self._stop.is_set():
            raise _Stopped
