"""Whoever cannot prove to be the broker gets nothing: it is told in words, everything stays here, and the right one is found."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync.mqtt import is_late_callback
from tests.sync.conftest import mosquitto_program
from tests.sync.stage import Broker, Hall
from tests.sync.test_mqtt import Road

pytestmark = [
    pytest.mark.broker,
    # paho leaves the socket of a failed handshake to be closed when nobody holds it any more.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DAY = timedelta(days=1)


@dataclass
class Authority:
    """Signs whatever is asked of it."""

    directory: Path
    name: str

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 900 * DAY)
            .not_valid_after(now + 900 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = self.directory / f"{self.name}.crt"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def sign(self, address: str, begins: timedelta, ends: timedelta) -> tuple[Path, Path]:
        """Files of a certificate for this address, valid from and to so far from now, and of its key."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")]))
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        certificate, secret = self.directory / "broker.crt", self.directory / "broker.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret


def trusting(authority: Authority) -> ssl.SSLContext:
    """As the front makes it of the settings."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
async def road_to(hall: Hall, tmp_path: Path) -> AsyncIterator[Callable[..., Road]]:
    """A road to a broker with this certificate; the broker outlives it."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda its, context: None if is_late_callback(context) else its.default_exception_handler(context)
    )
    roads: list[Road] = []
    brokers: list[Broker] = []

    def make(certificate: Path, secret: Path, tls: ssl.SSLContext, extra: str = "") -> Road:
        text = f"certfile {certificate}\nkeyfile {secret}\n{extra}"
        brokers.append(Broker(mosquitto_program(), tmp_path, text))
        brokers[-1].start()
        roads.append(Road(hall, brokers[-1].port, tls=lambda: tls))
        return roads[-1]

    yield make
    for road in roads:
        await road.close()
    for broker in brokers:
        broker.stop()
    loop.set_exception_handler(None)


async def refused(road: Road) -> str:
    """What is said of it, after some tries of which none came to anything."""
    await road.happen(20)
    await road.start(central=False)
    await road.until(lambda: road.uplink.status.error)
    await asyncio.sleep(0.5)
    assert road.uplink.status.sessions == 0
    assert not road.uplink.status.connected
    assert road.confirmed == 0
    assert road.reader.execute("SELECT count(*) FROM log").fetchone() == (20,)
    return str(road.uplink.status.error)


@pytest.mark.parametrize(
    ("address", "begins", "ends", "says"),
    [
        ("127.0.0.1", -30 * DAY, -DAY, "expired"),
        ("127.0.0.1", DAY, 30 * DAY, "not yet valid"),
        ("127.0.0.9", -DAY, 30 * DAY, "mismatch"),
    ],
    ids=["expired", "not yet valid", "wrong name"],
)
async def test_up_15_a_certificate_that_does_not_hold_is_refused_in_words_and_all_is_kept(
    ours: Authority, road_to: Any, address: str, begins: timedelta, ends: timedelta, says: str
) -> None:
    road = road_to(*ours.sign(address, begins, ends), trusting(ours))
    assert says in await refused(road)


async def test_up_15_an_authority_nobody_trusts_is_refused(ours: Authority, road_to: Any, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    theirs = Authority(tmp_path / "others", "theirs")
    road = road_to(*theirs.sign("127.0.0.1", -DAY, 30 * DAY), trusting(ours))
    assert "verify failed" in await refused(road)


async def test_up_15_a_broker_that_speaks_only_tls_1_0_is_refused(ours: Authority, hall: Hall, tmp_path: Path) -> None:
    certificate, secret = ours.sign("127.0.0.1", -DAY, 30 * DAY)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(certificate, secret)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # of an old protocol, which is what is wanted
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=old)
    road = Road(hall, server.sockets[0].getsockname()[1], tls=lambda: trusting(ours))
    try:
        assert "ssl" in (await refused(road)).lower()
    finally:
        await road.close()
        server.close()


async def test_up_15_when_the_broker_has_a_good_certificate_again_all_that_was_kept_arrives(
    ours: Authority, road_to: Any
) -> None:
    road = road_to(*ours.sign("127.0.0.1", -DAY, 30 * DAY), trusting(ours))
    await road.happen(50)
    await road.start(central=False)
    await road.until(lambda: road.uplink.status.batches == 1)
    assert road.uplink.status.connected
    assert road.confirmed == 0


async def test_up_7_a_broker_that_speaks_no_mqtt_5_is_refused_and_all_is_kept(hall: Hall) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes.fromhex("2002 0001"))  # CONNACK of MQTT 3.1.1: unacceptable protocol version
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    road = Road(hall, server.sockets[0].getsockname()[1])
    try:
        await refused(road)
    finally:
        await road.close()
        server.close()
