"""Certificates of the way to the broker, replaced on disk: the next session has them, and a half-written file breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.model import MqttSettings
from edge.front.uplink import Certificates
from tests.sync.test_mqtt_tls import Authority


def subjects(certificates: Certificates) -> list[str]:
    return [dict(part[0] for part in one["subject"])["commonName"] for one in certificates().get_ca_certs()]


def test_op_3_what_is_replaced_on_disk_counts_from_the_next_session(tmp_path: Path) -> None:
    for name in ("ours", "later"):
        (tmp_path / name).mkdir()
    ours, later = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "later", "later")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(ours.file.read_bytes())
    certificates = Certificates(MqttSettings(host="127.0.0.1", ca=str(ca)))
    assert "ours" in subjects(certificates)
    ca.write_bytes(later.file.read_bytes()[:100])  # half of it is written
    assert "ours" in subjects(certificates)
    ca.unlink()
    assert "ours" in subjects(certificates)
    ca.write_bytes(later.file.read_bytes())
    assert "later" in subjects(certificates)
    assert "ours" not in subjects(certificates)


def test_op_3_at_the_start_there_is_nothing_to_fall_back_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Certificates(MqttSettings(host="127.0.0.1", ca=str(tmp_path / "nothing.crt")))
