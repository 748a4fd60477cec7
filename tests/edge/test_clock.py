"""The clock says how far it may be believed, and notices when it is set."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.clock import FLOOR, ManualClock, SystemClock, from_stamp, kernel_clock_synced, stamp

AT = datetime(2026, 11, 23, 0, 11, 7, 320999, tzinfo=UTC)


class Box:
    """A box whose clocks and time server the test moves."""

    def __init__(self) -> None:
        self.ns = int(AT.timestamp()) * 1_000_000_000
        self.mono = 50.0
        self.synced = True
        self.asked = 0

    def clock(self) -> SystemClock:
        return SystemClock(kernel_synced=self.ask, wall_ns=lambda: self.ns, monotonic=lambda: self.mono)

    def ask(self) -> bool:
        self.asked += 1
        return self.synced

    def pass_s(self, seconds: int) -> None:
        self.mono += seconds
        self.ns += seconds * 1_000_000_000


def test_a_synced_clock_is_in_holdover_for_a_day_and_then_untrusted():
    box = Box()
    clock = box.clock()
    assert clock.quality() == "synced"
    box.synced = False
    box.pass_s(11)
    assert clock.quality() == "holdover"
    box.pass_s(86_400)
    assert clock.quality() == "untrusted"
    box.synced = True
    box.pass_s(11)
    assert clock.quality() == "synced"


def test_a_clock_that_was_never_synced_is_untrusted():
    box = Box()
    box.synced = False
    assert box.clock().quality() == "untrusted"


def test_a_box_that_wakes_in_1970_is_untrusted_whatever_the_kernel_says():
    box = Box()
    box.ns = 0
    assert box.clock().quality() == "untrusted"


def test_the_kernel_is_not_asked_with_every_fact():
    box = Box()
    clock = box.clock()
    for _ in range(1000):
        clock.quality()
    assert box.asked == 1


@pytest.mark.parametrize(("seconds", "seen"), [(1, None), (-1, None), (3, 3), (-86_400, -86_400)])
def test_a_jump_above_two_seconds_is_a_step_and_seen_once(seconds, seen):
    box = Box()
    clock = box.clock()
    box.pass_s(10)
    box.ns += seconds * 1_000_000_000
    assert clock.step() == (None if seen is None else timedelta(seconds=seen))
    assert clock.step() is None


def test_the_manual_clock_behaves_like_one():
    clock = ManualClock(AT)
    clock.advance(1.5)
    assert (clock.wall() - AT, clock.monotonic()) == (timedelta(seconds=1.5), 1001.5)
    clock.jump(timedelta(hours=-1))
    assert clock.step() == timedelta(hours=-1)
    assert clock.step() is None


def test_a_stamp_has_milliseconds_and_comes_back():
    assert stamp(AT) == "2026-11-23T00:11:07.320Z"
    assert from_stamp(stamp(AT)) == AT.replace(microsecond=320000)
    assert stamp(AT.astimezone()) == stamp(AT)


def test_this_box_answers_at_all():
    assert kernel_clock_synced() in (True, False)
    clock = SystemClock()
    assert clock.wall() > FLOOR
    assert clock.quality() in ("synced", "holdover", "untrusted")
