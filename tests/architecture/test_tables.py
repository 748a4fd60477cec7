"""What the tables promise to people and to central: a remedy for every error, a schema for every kind of event."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edge.hall.events import KINDS, schema
from edge.health.conditions import CONDITIONS

ROOT = Path(__file__).parents[2]


def errors_with_a_slug() -> Iterator[type[Exception]]:
    """Every exception class of ours that names its own slug."""
    for wing in ("edge", "protocols", "sync"):
        for path in sorted((ROOT / wing).rglob("*.py")):
            named = {
                node.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.ClassDef) and any("slug" in ast.unparse(line) for line in node.body)
            }
            if not named:
                continue
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name in sorted(named):
                found = getattr(module, name, None)
                if not (isinstance(found, type) and issubclass(found, Exception)):
                    continue
                if isinstance(vars(found).get("slug"), str):
                    yield found


def test_there_are_errors_to_look_at():
    assert len(list(errors_with_a_slug())) > 20


@pytest.mark.parametrize("error", list(errors_with_a_slug()), ids=lambda error: str(error.slug))
def test_an_error_that_people_may_meet_stands_in_the_table_of_conditions(error):
    assert error.slug in CONDITIONS, f"{error.__module__}.{error.__qualname__} has no row in edge/health/conditions.py"


@pytest.mark.parametrize("slug", CONDITIONS)
def test_a_condition_says_what_it_means_and_what_to_do(slug):
    condition = CONDITIONS[slug]
    assert condition.code.startswith("HE")
    assert len(condition.code) == 6
    assert condition.text.strip().endswith((".", "}"))
    assert condition.remedy.strip()
    assert all(hidden in CONDITIONS for hidden in condition.hides)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_event_has_a_valid_closed_schema(kind):
    found = schema(kind)
    Draft202012Validator.check_schema(found)
    assert found.get("type") == "object"
    assert set(found.get("required", ())) <= set(found["properties"])
