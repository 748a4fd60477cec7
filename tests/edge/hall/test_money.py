"""Credits become money only with a denomination, and exactly."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from edge.hall.money import Credits, Denomination, Money, minor_per_unit


def test_half_a_cent_a_credit_is_an_exact_fraction():
    half = Denomination.of(0x21, Fraction(5, 1000), "EUR")
    assert half.as_data() == {"code": 0x21, "numerator": 1, "denominator": 2}
    assert Credits(3, half).worth_minor() == Fraction(3, 2)


def test_99_999_999_999_999_minor_units_survive_sums():
    assert Money(99_999_999_999_999, "EUR") + Money(1, "EUR") == Money(100_000_000_000_000, "EUR")


def test_two_currencies_are_never_added():
    with pytest.raises(ValueError, match="cannot be added"):
        Money(1, "EUR") + Money(1, "BGN")


def test_yen_have_no_minor_units_and_dinars_a_thousand():
    assert (minor_per_unit("EUR"), minor_per_unit("JPY"), minor_per_unit("KWD")) == (100, 1, 1000)


@pytest.mark.parametrize(
    "module",
    [
        "hall/money.py",
        "hall/meters.py",
        "rules/meters.py",
        "rules/balance.py",
        "store/meters.py",
        "store/days.py",
        "hall/shapes.py",
    ],
)
def test_no_floating_point_enters_the_way_of_money(module):
    source = Path(__file__).parents[3] / "edge" / module
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{module}:{node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id in ("float", "round")), f"{module}:{node.lineno}"
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), module
