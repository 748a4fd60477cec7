"""Formulas of reports: a golden set reckoned by hand, and what is unknown staying unknown."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest

import edge.front.views.revenue
import edge.front.views.revenue_csv
import edge.hall.days
import edge.rules.formulas
import edge.rules.revenue
import edge.store.days
import edge.store.meters
from edge.hall.days import DaySum
from edge.hall.meters import meter
from edge.rules.formulas import BY_NAME, FORMULAS, added, amounts, evaluate, parts

CENT, FIVE, HALF = Fraction(1), Fraction(5), Fraction(1, 2)


def counted(code, count, worth=CENT, *, game=0, denomination=None, corrected=0) -> DaySum:
    return DaySum(17, 1, game, denomination, code, worth, count, corrected)


GOLDEN = [counted(0x00, 12_345, FIVE), counted(0x01, 9_876, FIVE), counted(0x02, 1_000, FIVE), counted(0x05, 411, FIVE),
          counted(0x24, 5_000, FIVE)]  # fmt: skip
"A machine of 5-cent credits."


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("coin_in", Fraction(61_725)),  # 12,345 x 5 cents = 617.25
        ("coin_out", Fraction(49_380)),  # 9,876 x 5
        ("jackpots", Fraction(5_000)),
        ("ggr", Fraction(7_345)),  # 61,725 - 49,380 - 5,000
        ("hold", Fraction(7_345, 61_725)),  # 11.90 %
        ("drop_expected", Fraction(25_000)),
        ("games", Fraction(411)),
        ("average_bet", Fraction(61_725, 411)),  # 1.5018
    ],
)
def test_rpt_03_each_formula_gives_what_was_reckoned_by_hand(name, by_hand):
    assert evaluate(BY_NAME[name], amounts(GOLDEN)) == by_hand


def test_rpt_03_each_formula_has_a_name_a_version_and_a_text_and_none_is_without_a_golden_row():
    assert [(f.name, f.version, f.text) for f in FORMULAS] == [
        ("coin_in", 1, "00"),
        ("coin_out", 1, "01"),
        ("jackpots", 1, "02"),
        ("ggr", 1, "00 - 01 - 02"),
        ("hold", 1, "(00 - 01 - 02) / 00"),
        ("drop_expected", 1, "24"),
        ("games", 1, "05"),
        ("average_bet", 1, "00 / 05"),
    ]
    assert all(f.source for f in FORMULAS)


def test_a_formula_adds_only_meters_of_one_unit():
    for formula in FORMULAS:
        for terms in (formula.terms, formula.over):
            assert len({meter(code).unit for code, _ in terms}) <= 1, formula.name
            assert {meter(code).unit for code, _ in terms} <= {"credits", "count"}, formula.name


def test_ggr_does_not_subtract_again_what_splits_up_the_wins():
    # Decisions 15: 1C to 21 are parts of 01 and 02.
    assert BY_NAME["ggr"].inputs == (0x00, 0x01, 0x02)
    assert evaluate(BY_NAME["ggr"], amounts([*GOLDEN, counted(0x1E, 999, FIVE)])) == 7_345


@pytest.mark.parametrize("missing", [0x00, 0x01, 0x02])
def test_mtr_01_without_one_of_its_meters_a_figure_is_unknown_and_not_reckoned_with_zero(missing):
    known = amounts([one for one in GOLDEN if one.code != missing])
    assert evaluate(BY_NAME["ggr"], known) is None
    assert evaluate(BY_NAME["games"], known) == 411


def test_mtr_02_credits_of_an_unknown_worth_are_no_money_but_games_are_games():
    known = amounts([counted(0x00, 7, None), counted(0x00, 5, CENT), counted(0x05, 3, None)])
    assert known == {0x00: None, 0x05: 3}


def test_no_credits_of_an_unknown_worth_are_worth_nothing_only_beside_others():
    assert amounts([counted(0x00, 0, None), counted(0x00, 5, CENT)]) == {0x00: 5}
    assert amounts([counted(0x00, 0, None)]) == {0x00: None}


def test_mtr_02_half_cents_add_up_to_cents_and_not_one_is_lost():
    assert amounts([counted(0x00, 3, HALF)]) == {0x00: Fraction(3, 2)}
    assert amounts([counted(0x00, 3, HALF), counted(0x00, 1, HALF, corrected=2), counted(0x00, 99, CENT)])[0] == 102


def test_mtr_09_meters_of_single_games_are_not_added_to_those_of_the_cabinet():
    assert amounts([counted(0x00, 100), counted(0x00, 60, game=1), counted(0x00, 40, denomination=2)]) == {0x00: 100}


def test_a_machine_nobody_played_has_no_hold_and_no_average_bet_and_yet_nothing_is_unknown():
    idle = amounts([counted(code, 0) for code in (0x00, 0x01, 0x02, 0x05, 0x24)])
    assert evaluate(BY_NAME["ggr"], idle) == 0
    assert evaluate(BY_NAME["hold"], idle) is None
    assert parts(BY_NAME["hold"], idle) is not None


def test_the_hold_of_several_is_their_win_over_their_coin_in_and_not_the_mean_of_holds():
    hold = BY_NAME["hold"]
    ten = parts(hold, amounts([counted(0x00, 1_000), counted(0x01, 900), counted(0x02, 0)]))  # 10 %
    fifty = parts(hold, amounts([counted(0x00, 10), counted(0x01, 5), counted(0x02, 0)]))  # 50 %
    assert ten is not None
    assert fifty is not None
    assert added(hold, [ten, fifty]) == Fraction(105, 1_010)


MONEY_FILES = [
    edge.hall.days, edge.rules.formulas, edge.rules.revenue, edge.store.days, edge.store.meters,
    edge.front.views.revenue, edge.front.views.revenue_csv,
]  # fmt: skip


@pytest.mark.parametrize("module", MONEY_FILES, ids=lambda module: module.__name__)
def test_mtr_02_no_floating_point_enters_the_files_in_which_money_is_reckoned(module):
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.Name) and node.id == "float"), node.lineno
