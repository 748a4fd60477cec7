"""The registry: seeded once, then it counts; and whoever answers with another serial number is another machine."""

import sqlite3

import pytest

from edge.errors import UnknownMachine
from edge.hall.devices import Identity
from edge.store.devices import Seed, compared, egm, egms, note_identity, seed_egms

ANSWER = Identity(serial="SN-1", version="602", game_id="IG", paytable="P1", denomination_code=1, max_bet=5, games=1)


def test_machines_of_the_configuration_are_registered_once(hall):
    assert [(machine.asset, machine.line, machine.address) for machine in egms(hall)] == [(17, "A", 1), (18, "A", 2)]
    assert seed_egms(hall, [Seed(17, "A", 1, "17", "Left")]) == []
    assert len(egms(hall)) == 2


def test_a_configuration_that_says_otherwise_is_reported_and_not_applied(hall):
    (difference,) = seed_egms(hall, [Seed(17, "A", 3, "17", "Left")])
    assert difference == (17, "address", "3", "1")
    assert egm(hall, 17).address == 1


def test_a_newcomer_at_a_taken_place_waits(hall):
    (difference,) = seed_egms(hall, [Seed(19, "A", 1)])
    assert difference == (19, "place", "line A, address 1", "held by machine 17")
    assert egm(hall, 19) is None


def test_the_first_answer_is_an_identity_and_the_same_again_is_none_news(hall):
    assert note_identity(hall, 17, ANSWER).found.kind == "first"
    assert note_identity(hall, 17, ANSWER).found.kind == "same"
    assert egm(hall, 17).identity == ANSWER


def test_a_number_that_was_not_told_this_time_is_still_known(hall):
    note_identity(hall, 17, ANSWER)
    assert note_identity(hall, 17, Identity(version="602")).found.kind == "same"
    assert egm(hall, 17).identity.serial == "SN-1"


def test_another_paytable_is_a_change_within_the_same_generation(hall):
    note_identity(hall, 17, ANSWER)
    change = note_identity(hall, 17, Identity(paytable="P2"))
    assert (change.found.kind, change.generation) == ("changed", 1)


def test_another_serial_number_is_another_machine_and_opens_a_generation(hall):
    note_identity(hall, 17, ANSWER)
    change = note_identity(hall, 17, Identity(serial="SN-2"))
    assert (change.found.kind, change.previous_generation, change.generation) == ("replaced", 1, 2)
    assert change.before == ANSWER
    assert egm(hall, 17).identity == Identity(serial="SN-2"), "nothing of the old machine is taken for the new one"


def test_a_serial_number_learnt_later_is_no_replacement(hall):
    note_identity(hall, 17, Identity(game_id="IG"))
    assert note_identity(hall, 17, ANSWER).found.kind == "changed"


def test_a_machine_that_is_not_registered_has_no_identity(hall):
    with pytest.raises(UnknownMachine):
        note_identity(hall, 99, ANSWER)


def test_the_serial_number_of_the_configuration_is_enrolled_and_later_only_reported(hall):
    assert seed_egms(hall, [Seed(17, "A", 1, "17", "Left", "SN-1")]) == []
    assert egm(hall, 17).enrolled_serial == "SN-1", "none was enrolled: it contradicts nothing"
    assert seed_egms(hall, [Seed(17, "A", 1, "17", "Left")]) == [], "no longer said is not otherwise said"
    (difference,) = seed_egms(hall, [Seed(17, "A", 1, "17", "Left", "SN-2")])
    assert difference == (17, "serial", "SN-2", "SN-1")
    assert egm(hall, 17).enrolled_serial == "SN-1"


def test_whether_an_answer_is_right_can_be_asked_before_anything_is_changed(hall):
    seed_egms(hall, [Seed(17, "A", 1, "17", "Left", "SN-1")])
    assert compared(hall, 17, Identity(serial="SN-2")).wrong == "serial"
    assert egm(hall, 17).identity == Identity()


def test_the_tables_refuse_what_cannot_be(hall):
    with pytest.raises(sqlite3.IntegrityError):
        hall.execute("INSERT INTO egms (asset, line, address, registered_at) VALUES (20, 'A', 128, 'x')")
    with pytest.raises(sqlite3.IntegrityError):
        hall.execute("INSERT INTO egms (asset, line, address, registered_at) VALUES (20, 'A', 1, 'x')")
