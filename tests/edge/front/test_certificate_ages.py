"""OP-3: a certificate that ends is told at 30, 14, 7 and 1 days and when it is over; a new file in its place is quiet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.front.certificates import CertificatesWatch, ages, step
from tests.edge.front.made_up_hall import NIGHT, TECHNICIAN, made_up_hall, settings_for

DAY = dt.timedelta(days=1)


def certificate(path: Path, ends: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hg-07")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NIGHT - 900 * DAY)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("days", "reached"), [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, 1), (-1, 0)]
)
def test_op_3_the_steps_are_thirty_fourteen_seven_and_one_days_and_the_end(days: int, reached: int | None) -> None:
    assert step(days) == reached


def test_op_3_each_step_is_told_once_and_a_new_file_is_quiet(tmp_path: Path) -> None:
    file = tmp_path / "gateway.crt"
    certificate(file, NIGHT + 40 * DAY)
    settings = settings_for(tmp_path, web={"cert": str(file), "key": str(tmp_path / "gateway.key")})
    watch = CertificatesWatch()
    told = []
    for hour in range(0, 42 * 24, 6):
        told += [
            (age["days"], age["step"]) for age in watch.look(settings, NIGHT + dt.timedelta(hours=hour, minutes=1))
        ]
    assert told == [(30, 30), (14, 14), (7, 7), (1, 1), (-1, 0)]
    certificate(file, NIGHT + 400 * DAY)
    assert watch.look(settings, NIGHT + 41 * DAY) == []
    certificate(file, NIGHT + 45 * DAY)
    assert [age["step"] for age in watch.look(settings, NIGHT + 41 * DAY)] == [7], "and is told of again in its time"


def test_op_3_the_one_of_a_chain_that_ends_first_counts_and_what_is_none_is_said_so(tmp_path: Path) -> None:
    one, other = tmp_path / "one.crt", tmp_path / "other.crt"
    certificate(one, NIGHT + 400 * DAY)
    certificate(other, dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
    one.write_bytes(one.read_bytes() + other.read_bytes())
    other.write_text("no certificate\n")
    mqtt = {"host": "127.0.0.1", "ca": str(one), "cert": str(other), "key": str(other)}
    first, second = ages(settings_for(tmp_path, mqtt=mqtt), NIGHT)
    assert (first["days"], "cannot be read" in first["text"]) == (None, True)
    assert (second["days"], second["step"], second["use"]) == (6, 7, "the broker's authority")
    assert second["text"].endswith("ends in 6 days, on 2026-11-29T12:00:00.000Z.")


async def test_op_3_status_tells_of_it(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    now = dt.datetime.now(dt.UTC)
    certificate(file, now + 5 * DAY + dt.timedelta(hours=1))
    web = {"listen": ["127.0.0.1:0"], "client_ca": str(file)}
    async with made_up_hall(tmp_path, web=web) as hall, hall.client(TECHNICIAN) as people:
        (told,) = (await people.get("/api/v1/status")).json()["certificates"]
    assert (told["days"], told["step"], told["use"]) == (5, 7, "who may ask as central")
