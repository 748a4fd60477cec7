"""The far end of MQTT for two rows: ``sink`` takes batches and confirms each, ``peer`` publishes the same ones bare.

``python -m bench.sink sink PORT CONSUMER SECONDS``: READY when it is subscribed, BEGUN at the first batch, one line of JSON
SECONDS later or when nothing came for two. ``python -m bench.sink peer PORT CONSUMER DATABASE``: paho alone, QoS 1.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import sqlite3
import sys
import threading
import time
from contextlib import closing
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync import outbox
from sync.topics import Topics

TOPICS = Topics("bench", "hg-bench")
WINDOW = 4
"""Batches under way that central has not confirmed, as the gateway's setting is."""
BATCHES_MAX = 1500
IDLE_S = 2.0


def _client(name: str, port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    # As the gateway does: without it each exchange may wait 40 ms (Nagle).
    client.on_socket_open = _at_once
    client.connect("127.0.0.1", port, clean_start=True)
    return client


def _at_once(_client: Any, _userdata: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def sink(port: int, consumer: str, seconds: float) -> dict[str, float]:
    """Records, and seconds from the first batch to the last."""
    came: queue.Queue[dict[str, str]] = queue.Queue()
    ready = threading.Event()
    client = _client("bench-sink", port)

    def on_message(_client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        told = dict(getattr(message.properties, "UserProperty", ()))
        said = {"streamid": told["streamid"], "sequence": int(told["last"]), "sha256": told["sha256"]}
        client.publish(TOPICS.ack(consumer), json.dumps(said), qos=1, retain=True)
        came.put(told)

    client.on_message = on_message
    client.on_subscribe = lambda *_: ready.set()
    client.loop_start()
    client.subscribe(TOPICS.log, qos=1)
    if not ready.wait(10):
        raise RuntimeError("no subscription")
    client.publish(TOPICS.central_state(consumer), b'{"state":"online"}', qos=1, retain=True)
    print("READY", flush=True)
    first = came.get(timeout=60)
    begun = ended = time.monotonic()
    print("BEGUN", flush=True)
    records, last = 0, int(first["last"])
    while time.monotonic() - begun < seconds:
        try:
            told = came.get(timeout=IDLE_S)
        except queue.Empty:
            break
        if int(told["first"]) > last + 1:
            raise RuntimeError(f"{told['first']} follows on {last}")
        records += max(0, int(told["last"]) - last)
        last = max(last, int(told["last"]))
        ended = time.monotonic()
    return {"records": float(records), "seconds": ended - begun}


def peer(port: int, consumer: str, database: str) -> None:
    """The batches of the log, read beforehand, as fast as they are confirmed; until they are through."""
    batches: list[tuple[bytes, Properties]] = []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)) as conn:
        after = 0
        while len(batches) < BATCHES_MAX:
            page = outbox.page(conn, after)
            if not page.bodies:
                break
            after = page.position
            beside = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
            beside.UserProperty = [
                ("streamid", page.next.streamid), ("first", str(page.first)), ("last", str(page.last)),
                ("sha256", page.next.sha256),
            ]  # fmt: skip
            batches.append((b"[%b]" % b",".join(page.bodies), beside))
    room = threading.Semaphore(WINDOW)
    client = _client("bench-peer", port)
    client.on_message = lambda *_: room.release()
    client.loop_start()
    client.subscribe(TOPICS.ack(consumer), qos=1)
    for payload, beside in batches:
        if not room.acquire(timeout=10):
            raise RuntimeError("no acknowledgement")
        client.publish(TOPICS.log, payload, qos=1, properties=beside)
    time.sleep(IDLE_S)


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        peer(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    else:
        os.nice(10)
        print(json.dumps(sink(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))), flush=True)
