"""The table: fair order, ratios within a round, and a miss that is called a miss."""

import pytest

from bench.report import Budget, Limit, Missing, Row, WorkNotDone, measure, table


def row(mine, floor=lambda _: {"us": 10.0, "p99_us": 1.0}, **more):
    return Row(
        name="r", what="w", counts="c", figure="us", floor="floor", variants={"floor": floor, "mine": mine}, **more
    )


def run(*rows, rounds=3, seed=1):
    return measure(rows, rounds=rounds, seconds=1.0, seed=seed, tell=lambda _: None)


def test_ratios_are_formed_within_a_round_so_that_a_slow_minute_hits_both_sides():
    slow = iter([1.0, 5.0, 1.0] * 2)
    speeds: dict[int, float] = {}

    def of(base):
        def sample(budget: Budget):
            factor = speeds.setdefault(budget.seed, next(slow) if budget.seed not in speeds else 1.0)
            return {"us": base * factor}

        return sample

    (outcome,) = run(row(of(20.0), of(10.0)))
    assert outcome.ratios("mine") == pytest.approx([2.0, 2.0, 2.0])
    assert outcome.spread("mine", "us") == (20.0, 100.0)


def test_every_variant_is_measured_once_a_round_in_an_order_that_follows_from_the_seed():
    def order(seed):
        seen = []
        rows = [
            row(lambda _: seen.append("mine") or {"us": 1.0}, lambda _: seen.append("floor") or {"us": 1.0})
            for _ in range(1)
        ]
        run(*rows, rounds=8, seed=seed)
        assert [sorted(seen[i : i + 2]) for i in range(0, 16, 2)] == [["floor", "mine"]] * 8
        return seen

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize(("mine", "holds"), [(30.0, True), (30.1, False)])
def test_a_must_is_kept_up_to_its_last_tenth(mine, holds):
    (outcome,) = run(row(lambda _: {"us": mine}, must=3.0))
    assert (outcome.misses() == []) is holds
    assert ("MISSED" in table([outcome])) is not holds


def test_a_rate_must_not_fall_below_its_share_of_the_floor():
    (outcome,) = run(row(lambda _: {"us": 2.4}, must=0.25, higher_is_better=True))
    assert outcome.misses() == ["r: mine is 0.24 x floor, must be >= 0.25 x."]


def test_an_absolute_limit_is_judged_by_the_median():
    late = iter([1.0, 9000.0, 4000.0])
    (outcome,) = run(row(lambda _: {"us": 1.0, "p99_us": next(late)}, limits=(Limit("mine", "p99_us", 5000),)))
    assert outcome.misses() == []


def test_work_that_was_not_done_is_a_miss_and_not_a_fast_figure():
    def idle(_budget):
        raise WorkNotDone("9 of 100 polls reached the machines")

    (outcome,) = run(row(idle))
    assert outcome.misses() == ["r: mine: 9 of 100 polls reached the machines"]
    assert outcome.as_json()["failed"] == "mine: 9 of 100 polls reached the machines"


def test_a_missing_part_skips_the_row_and_says_why():
    def gone(_budget):
        raise Missing("There is no C compiler")

    (outcome,) = run(row(gone))
    assert outcome.skipped == "There is no C compiler"
    assert outcome.misses() == []
    assert "skipped: There is no C compiler" in table([outcome])


def test_a_row_without_a_floor_has_its_limits_alone():
    bare = Row(
        name="gap", what="w", counts="c", figure="us", floor=None, variants={"mine": lambda _: {"us": 1001.0}},
        must=2.0, limits=(Limit("mine", "us", 1000),),
    )  # fmt: skip
    (outcome,) = run(bare)
    assert outcome.misses() == ["gap: mine us is 1,001, must be at most 1,000."]
    assert " x (" not in table([outcome])
    assert outcome.as_json()["ratios"] == {}


def test_a_figure_over_several_variants_is_formed_from_their_medians_and_shown():
    def slope(outcome):
        return (outcome.median("mine", "us") - outcome.median("floor", "us")) / 10

    steps = iter([30.0, 50.0, 40.0])
    (outcome,) = run(row(lambda _: {"us": next(steps)}, derived={"us_per_step": slope}))
    assert outcome.derived() == {"us_per_step": 3.0}
    assert "us_per_step 3" in table([outcome])


def test_the_table_shows_the_figures_a_row_is_about_and_the_json_all():
    (outcome,) = run(row(lambda _: {"us": 20.0, "rss_mib": 64.0}, shown=("us",)))
    assert "rss_mib" not in table([outcome])
    assert outcome.as_json()["variants"]["mine"]["rss_mib"] == [64.0, 64.0, 64.0]
