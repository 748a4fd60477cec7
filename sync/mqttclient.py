"""The client of one session: who we are at the broker, what it says when we are gone, and how much is under way at once."""

from __future__ import annotations

import socket

import aiomqtt

from sync.mqttwords import offline
from sync.uplink import UplinkSettings

INFLIGHT = 20
"Messages of QoS 1 on their way to the broker: a window of batches and as many live copies."
INCOMING_MAX = 1000
"Messages from the broker not looked at yet; more are dropped, which costs central a repetition."


def new_client(settings: UplinkSettings, place: tuple[str, int], state: str, session: str) -> aiomqtt.Client:
    """Not connected yet. ``place``: host and port of the broker; ``state``: the topic of birth and will."""
    host, port = place
    client = aiomqtt.Client(
        host,
        port,
        identifier=settings.client_id,
        username=settings.username,
        password=settings.password,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=True,
        keepalive=settings.keepalive_s,
        timeout=settings.timeout_s,
        max_inflight_messages=INFLIGHT,
        max_queued_incoming_messages=INCOMING_MAX,
        # The session stands in the will, so that a late one cannot be taken for the end of a newer session.
        will=aiomqtt.Will(state, offline(session), qos=1, retain=True),
        tls_context=settings.context,
        # Without it each exchange costs 40 ms (Nagle).
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    client.pending_calls_threshold = 100
    return client
