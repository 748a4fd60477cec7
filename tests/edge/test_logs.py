"""What is logged reads the same everywhere, floods become one line a minute, and secrets never get in."""

import json
import logging

import pytest
import structlog

from edge.logs import HIDDEN, RateLimit, hide_secrets, journal_fields, setup

SECRET = "hek_central1_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde"


class Now:
    at = 0.0

    def __call__(self) -> float:
        return self.at


class Books:
    """A journal that keeps what it is sent."""

    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []

    def send(self, fields):
        self.entries.append(dict(fields))


@pytest.fixture
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_the_journal_gets_our_facts_as_fields_of_its_own():
    books = Books()
    setup("info", part="field", form="journal", monotonic=Now(), transport=books)
    structlog.get_logger().warning("Machine 1017 does not answer", code="HE2101", egm=1017, line="A")
    structlog.get_logger().debug("too quiet to be written")
    logging.getLogger("paho").warning("a library says %s", "something")
    assert books.entries == [
        {"MESSAGE": "Machine 1017 does not answer", "PRIORITY": 4, "SYSLOG_IDENTIFIER": "hall-edge",
         "HE_CODE": "HE2101", "HE_EGM": 1017, "HE_LINE": "A", "HE_PART": "field"},
        {"MESSAGE": "a library says something", "PRIORITY": 4, "SYSLOG_IDENTIFIER": "hall-edge", "HE_PART": "field"},
    ]  # fmt: skip


@pytest.mark.usefixtures("restored")
def test_elsewhere_each_entry_is_one_line_of_json(capsys):
    setup("info", part="front", form="json", monotonic=Now())
    structlog.get_logger().info("Started", version="0.1.0")
    logging.getLogger("uvicorn.error").error("a library's words")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["part"], first["version"]) == ("Started", "info", "front", "0.1.0")
    assert (second["event"], second["level"]) == ("a library's words", "error")


@pytest.mark.usefixtures("restored")
def test_a_trace_of_a_bug_is_kept_in_one_entry():
    books = Books()
    setup("info", form="journal", monotonic=Now(), transport=books)
    try:
        {}["broken"]
    except KeyError:
        structlog.get_logger().exception("A task ended", code="HE6000")
    (entry,) = books.entries
    assert "KeyError: 'broken'" in str(entry["HE_EXCEPTION"])
    assert entry["PRIORITY"] == 3


def test_a_flood_is_one_line_and_then_a_count_each_minute_for_each_machine():
    now = Now()
    limit = RateLimit(now)

    def shown(egm: int) -> dict | None:
        try:
            return dict(limit(None, "warning", {"event": "x", "code": "HE2201", "egm": egm}))
        except structlog.DropEvent:
            return None

    assert shown(1) is not None
    assert shown(2) is not None, "another machine is another matter"
    assert [shown(1) for _ in range(50)] == [None] * 50
    now.at = 61.0
    assert shown(1) == {"event": "x", "code": "HE2201", "egm": 1, "kept_back": 50}
    assert limit(None, "info", {"event": "no code"}) == {"event": "no code"}


def test_the_memory_of_the_limit_does_not_grow():
    limit = RateLimit(Now())
    for egm in range(10_000):
        limit(None, "warning", {"event": "x", "code": "HE2201", "egm": egm})
    assert len(limit._seen) <= 4096


@pytest.mark.parametrize(
    "facts",
    [
        {"password": SECRET}, {"mqtt_password": SECRET}, {"header": f"Bearer {SECRET}"}, {"authorization": SECRET},
        {"request": {"headers": {"Cookie": SECRET}}}, {"list": [SECRET]}, {"validation_number": SECRET},
        {"pin": SECRET}, {"event": f"key {SECRET} refused"},
    ],
)  # fmt: skip
def test_no_secret_gets_into_a_log(facts):
    event = hide_secrets(None, "info", {"event": "x", **facts})
    assert SECRET not in json.dumps(event)
    assert HIDDEN in json.dumps(event)


def test_names_that_only_look_like_secrets_stay():
    event = hide_secrets(None, "info", {"event": "x", "ping_ms": 3, "shipping": "a", "card_cage": "open", "token": 7})
    assert event == {"event": "x", "ping_ms": 3, "shipping": "a", "card_cage": "open", "token": 7}


def test_field_names_are_what_the_journal_accepts():
    names = [name for name, _ in journal_fields({"event": "x", "level": "info", "late-ms": 3, "ü": 1})]
    assert names == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "HE_LATE_MS", "HE__"]
