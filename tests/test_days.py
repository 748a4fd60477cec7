"""Some hours of ``./dev days`` in the suite: each kind of machine, each kind of bad wire; and bugs that it must see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.sas.host import Host
from protocols.sas.tries import Tries
from simulators.egm.personas import names
from simulators.faults.wires import WIRES
from tests.harness import days, virtualline
from tests.harness.days import Case

HOURS = 2.0
PERSONAS = [name for name in names() if name != "duplicate_address"]


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_kind_of_machine_is_served_over_a_good_line(persona: str) -> None:
    result = days.run(Case(persona, "good"), days=HOURS / 24, seed=11)
    assert result.broken == []
    assert result.raised > 10
    assert result.stored >= result.acknowledged > 10
    assert result.readings > 50
    assert result.doubled + result.invented + result.wrong_readings + result.lost == 0


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if not wire.touches_values and name != "good"])
@pytest.mark.parametrize("after", ["silence", "go_on"])
def test_no_wire_that_leaves_values_alone_makes_a_wrong_book(wire: str, after: str) -> None:
    for machines in (1, 3):
        case = Case("plain", wire, machines=machines, after_three_tries=after)
        result = days.run(case, days=HOURS / 24, seed=12)
        assert result.broken == [], case.name
        assert result.invented + result.wrong_readings + result.lost == 0
        assert result.polls > 10_000
        if after == "silence" and machines == 1:
            assert result.lost_in_gaps == 0


@pytest.mark.parametrize("wire", [name for name, wire in WIRES.items() if wire.touches_values])
def test_sr_3_noise_books_no_wrong_value_beyond_the_rate_that_the_host_states(wire: str) -> None:
    """A damaged byte passes where nothing was damaged lately: at most one wrong exception in 500 polls, and no meter.

    Where every exception must come twice, none of the lighter wires makes one.
    """
    usual = days.run(Case("plain", wire), days=HOURS / 24, seed=13)
    careful = days.run(Case("plain", wire, confirm="exceptions"), days=HOURS / 24, seed=13)
    for result in (usual, careful):
        assert result.broken == []
        assert result.wrong_readings == 0
        assert result.doubled + result.invented + result.lost <= result.polls / 500
    if wire not in ("noise_5_in_100", "noise_1_in_100"):
        assert careful.doubled + careful.invented + careful.lost == 0


def test_sr_11_two_machines_of_one_address_are_noticed_over_the_virtual_line() -> None:
    result = days.run(Case("duplicate_address", "good", machines=2), days=0.02, seed=14)
    assert result.broken == []
    assert result.contested >= 1


class Hasty(Host):
    """A planted bug: three tries are over, and 80 leaves at once."""

    def _begin_silence(self, link, until, events):  # type: ignore[no-untyped-def]  # as its base
        self._must_resync = True
        self._due = self._last_end + 0.05


def test_a_host_that_speaks_at_once_after_three_tries_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualline, "Host", Hasty)
    # A machine that answers the third try too; the others keep what they were asked for three times in vain.
    result = days.run(Case("repeats_by_frame", "machine_mute"), days=HOURS / 24, seed=15)
    assert result.lost > 0
    assert any("neither stored nor in a gap" in broken for broken in result.broken)


def test_a_host_that_believes_every_answer_once_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Tries, link: object, code: int, now: float) -> bool:
        return False

    monkeypatch.setattr(Host, "_needs_confirming", never)
    trusting = days.run(Case("plain", "noise_1_in_100"), days=HOURS / 24, seed=16)
    monkeypatch.undo()
    usual = days.run(Case("plain", "noise_1_in_100"), days=HOURS / 24, seed=16)
    assert any("what the wire must cost" in broken for broken in trusting.broken)
    assert usual.broken == []


def test_a_check_sum_that_is_not_looked_at_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.sas.frame.crc_holds", lambda _data: True)
    monkeypatch.setitem(WIRES, "always", replace(WIRES["noise_1_in_1000"], every_s=1e9, spell_s=1e9))
    result = days.run(Case("plain", "always"), days=6 * HOURS / 24, seed=17)
    assert result.wrong_readings > 0
    assert any("never told" in broken for broken in result.broken)
