"""How a soak judges what /proc said. The soak itself is ``./dev soak``: it takes minutes."""

import os

import pytest

from tests.harness.soak import Samples, faults


def sampled(mib, files=None):
    files = files or [20] * len(mib)
    return Samples([2.0 * place for place in range(len(mib))], list(mib), list(files))


def test_memory_that_rises_during_warm_up_and_then_stays_is_no_fault():
    figures = sampled([50 + place for place in range(30)] + [80.0] * 60).judged(60.0)
    assert figures["growth"] == 0.0
    assert faults("front", figures) == []


def test_memory_that_never_stops_growing_is_a_fault_with_its_figures():
    figures = sampled([80 + place / 5 for place in range(90)]).judged(60.0)
    assert figures["growth"] > 0.05
    assert faults("front", figures)[0].startswith("front: memory grew by")


def test_one_peak_is_no_growth_but_is_told():
    figures = sampled([80.0] * 60 + [200.0] + [80.0] * 29).judged(60.0)
    assert (figures["growth"], figures["mib_peak"]) == (0.0, 200.0)


def test_files_that_stay_open_are_a_fault():
    figures = sampled([80.0] * 90, [20] * 30 + list(range(20, 80))).judged(60.0)
    assert faults("field", figures) == ["field: 79 open files at the end, 36 are allowed"]


@pytest.mark.parametrize("count", [0, 1, 30, 35])
def test_a_run_that_is_too_short_proves_nothing_and_says_so(count):
    figures = sampled([80.0] * count).judged(60.0)
    assert figures["growth"] is None
    assert "too short" in faults("field", figures)[0]


def test_a_sample_is_what_proc_says_of_this_very_process():
    samples = Samples()
    samples.take(os.getpid(), 0.0)
    assert samples.mib[0] > 5
    assert samples.files[0] >= 3
    with pytest.raises(OSError):
        samples.take(2**22 + 1, 1.0)
