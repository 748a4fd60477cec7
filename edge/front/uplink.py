"""The road to the broker, if one is configured: the wing's own uplink, given our reader, our head and the seam.

Central's acknowledgement is handed to the field as it came; the field checks it and moves the cursor. Without the field
nothing is read, nothing moves, and the uplink waits.
"""

import sqlite3
import ssl
from collections.abc import Mapping
from typing import Any

import structlog

from edge.clock import stamp
from edge.config.model import MqttSettings, Settings
from edge.front.context import Front
from edge.seam.errors import FieldAway, Refusal
from edge.seam.messages import Admit, Advance, Cursor
from sync import errors as sync_errors
from sync.envelope import Cursor as LogCursor
from sync.mqtt import Alarm, Uplink, UplinkSettings

log = structlog.get_logger()
_ERRORS: Mapping[str, type[sync_errors.DeliveryError]] = {
    kind.slug: kind for kind in sync_errors.DeliveryError.__subclasses__()
}


def uplink(front: Front) -> Uplink | None:
    """The uplink, to be `run`; None: no broker is configured."""
    if front.settings.mqtt is None:
        return None

    def reader() -> sqlite3.Connection:
        try:
            return front.readers.connection()
        except FieldAway as away:
            raise sync_errors.FieldAway(str(away)) from None

    async def advance(consumer: str, cursor: LogCursor) -> object:
        given = Cursor(streamid=cursor.streamid, sequence=cursor.sequence, sha256=cursor.sha256)
        try:
            return await front.seam.call(Advance(consumer=consumer, cursor=given))
        except FieldAway as away:
            raise sync_errors.FieldAway(str(away)) from None
        except Refusal as no:
            raise _ERRORS.get(no.reason, sync_errors.DeliveryError)(str(no), **no.facts) from None

    async def admit(payload: bytes, came: dict[str, Any]) -> dict[str, Any]:
        admit = Admit(command=payload.decode("utf-8", "replace"), via="mqtt", principal=str(came["topic"])[:120])
        try:
            answer = await front.seam.call(admit, 10.0)
        except FieldAway as away:
            raise sync_errors.FieldAway(str(away)) from None
        except Refusal as no:
            return {"status": "refused", "code": no.reason, "text": str(no)}
        if answer.status not in ("admitted", "repeated"):
            return {"status": "refused", "code": answer.status, "text": answer.text, "command_id": answer.command_id}
        return {"status": answer.status, "command_id": answer.command_id, "result": answer.result}

    def alarm(told: Alarm) -> None:
        log.warning("uplink", code="HE4008", what=told.slug, text=told.text, facts=dict(told.facts))

    return Uplink(
        _settings(front.settings, front.settings.mqtt),
        reader,
        advance,
        admit,
        front.seam.head,
        now_utc=front.clock.wall,
        info=lambda: _birth(front),
        health=lambda: _health(front),
        on_alarm=alarm,
    )


def told(road: Uplink) -> dict[str, Any]:
    """The uplink on the status screen."""
    state = road.status
    way = "" if not state.way else f" over spare way {state.way}"
    text = f"connected{way}" if state.connected else f"not connected: {state.error or 'not yet'}"
    return {
        "state": "connected" if state.connected else "lost",
        "text": text,
        "since": state.since,
        "way": state.way,
        "in_flight": state.in_flight,
        "batches": state.batches,
        "events": state.events,
        "live_copies": state.live_copies,
        "sessions": state.sessions,
        "stalls": state.stalls,
        "alarms": dict(state.alarms),
        "central": state.central_state,
    }


def _settings(settings: Settings, mqtt: MqttSettings) -> UplinkSettings:
    return UplinkSettings(
        host=mqtt.host,
        port=mqtt.port,
        spare=tuple(_place(each) for each in mqtt.spare),
        client_id=mqtt.client_id or settings.gateway.id,
        hall=settings.hall.id,
        gateway=settings.gateway.id,
        consumer=mqtt.consumer,
        username=mqtt.username,
        password=settings.mqtt_password.get_secret_value() if settings.mqtt_password else None,
        tls=None if mqtt.ca is None else Certificates(mqtt),
        window=mqtt.window,
        ack_timeout_s=float(mqtt.ack_timeout_s),
    )


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class Certificates:
    """The files of the way to the broker, read anew for each session; what cannot be read leaves the ones before in use."""

    def __init__(self, mqtt: MqttSettings) -> None:
        self._mqtt = mqtt
        self._last = self._read()

    def __call__(self) -> ssl.SSLContext:
        """As they are on disk now. Raises nothing: a half-written file is read again next time."""
        try:
            self._last = self._read()
        except OSError as error:  # an ssl.SSLError is one
            log.warning("certificates of the broker could not be read anew", code="HE4007", error=str(error))
        return self._last

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._mqtt.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._mqtt.cert is not None:
            context.load_cert_chain(self._mqtt.cert, self._mqtt.key)
        return context


def _birth(front: Front) -> dict[str, Any]:
    return {"version": front.version, "started_at": stamp(front.started_at), "schemas": "/api/v1/schemas"}


def _health(front: Front) -> dict[str, Any]:
    board = front.seam.mirror
    return {
        "field": front.seam.connected,
        "clock": board.gateway.clock,
        "machines": len(board.egms),
        "machines_up": sum(machine.link == "up" for machine in board.egms.values()),
        "sequence": board.gateway.sequence,
        "waiting": board.gateway.waiting,
    }
