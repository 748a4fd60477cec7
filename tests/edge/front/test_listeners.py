"""Sockets: what is refused before anything is served, TLS, and callers that never finish a request."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.front import serving
from edge.front.app import EXIT_LISTEN, listeners, run, running
from tests.edge.front.made_up_hall import TECHNICIAN, Hall, settings_for


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    """An application that is never asked."""


@pytest.mark.parametrize(
    ("web", "says"),
    [
        ({"listen": ["0.0.0.0:0"]}, "not loopback"),
        ({"listen": ["[::]:0"]}, "not loopback"),
        ({"listen": ["hall.example:0"]}, "not loopback"),
        ({"listen": ["127.0.0.1:0"], "listen_central": ["127.0.0.1:0"]}, "client_ca"),
    ],
)
def test_nothing_is_opened_to_others_without_tls(tmp_path: Path, web: dict[str, object], says: str) -> None:
    with pytest.raises(serving.ListenError, match=says):
        listeners(settings_for(tmp_path, web=web), nothing)
    assert not (tmp_path / "control.sock").exists()


def test_a_port_in_use_is_told_as_such_and_leaves_no_socket_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run(settings_for(tmp_path, web={"listen": [f"127.0.0.1:{port}"]})) == EXIT_LISTEN
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_a_second_front_does_not_take_the_control_socket_of_the_first(tmp_path: Path) -> None:
    first = serving.bind_control(tmp_path / "control.sock")
    with pytest.raises(serving.ListenError, match="Another process listens"):
        serving.bind_control(tmp_path / "control.sock")
    first.close()


@pytest.mark.parametrize(
    ("listen", "own"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("10.0.0.1:1", False), ("[fe80::1]:1", False)],
)
def test_loopback_is_known_when_seen(listen: str, own: bool) -> None:
    assert serving.is_loopback(listen) is own


async def test_hx_7_endless_headers_are_cut_off(hall: Hall) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", hall.house.ports[0])
    writer.write(b"GET /login HTTP/1.1\r\n")

    async def for_ever() -> None:
        for number in range(100_000):
            writer.write(b"x-%d: " % number + b"y" * 100 + b"\r\n")
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(for_ever(), 5)
    writer.transport.abort()
    async with hall.client() as client:
        assert (await client.get("/api/v1/healthz")).status_code == 200


async def test_hx_7_headers_that_never_end_are_not_waited_for(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEADERS_WITHIN_S", 0.1)
    for said in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", hall.house.ports[0])
        writer.write(said)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.transport.abort()


async def test_a_connection_that_was_used_may_rest_and_go_on(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEADERS_WITHIN_S", 0.1)
    async with hall.client() as client:
        assert (await client.get("/api/v1/healthz")).status_code == 200
        await asyncio.sleep(0.3)
        assert (await client.get("/api/v1/healthz")).status_code == 200


def _certificate(
    directory: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    (directory / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, key


async def test_over_tls_cookies_are_secure_and_centrals_port_asks_for_a_certificate(tmp_path: Path) -> None:
    ca = _certificate(tmp_path, "ca", None)
    _certificate(tmp_path, "gateway", ca)
    _certificate(tmp_path, "central", ca)
    web = {
        "listen": ["127.0.0.1:0"],
        "listen_central": ["127.0.0.1:0"],
        "cert": str(tmp_path / "gateway.crt"),
        "key": str(tmp_path / "gateway.key"),
        "client_ca": str(tmp_path / "ca.crt"),
    }
    trust = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    async with running(settings_for(tmp_path, web=web)) as house:
        people, central = (f"https://127.0.0.1:{port}" for port in house.ports)
        async with httpx.AsyncClient(verify=trust) as client:
            entered = await client.post(f"{people}/login", data={"key": TECHNICIAN.text}, headers={"Origin": people})
            assert entered.status_code == 303
            assert "Secure" in entered.headers["set-cookie"]
            assert "max-age" in entered.headers["strict-transport-security"]
            with pytest.raises(httpx.HTTPError):
                await client.get(f"{central}/api/v1/healthz")
        trust.load_cert_chain(tmp_path / "central.crt", tmp_path / "central.key")
        async with httpx.AsyncClient(verify=trust) as client:
            assert (await client.get(f"{central}/api/v1/healthz")).status_code == 200
            assert (
                await client.get(f"{central}/api/v1/events")
            ).status_code == 401  # the certificate alone is not enough
