"""One cause shows once: a lost line hides the machines behind it."""

from edge.health.monitor import HELD_MAX, Monitor

AT = "2026-11-23T00:00:00.000Z"


def test_a_lost_line_hides_its_twenty_silent_machines_and_not_the_neighbours():
    monitor = Monitor()
    for asset in range(20):
        monitor.up("link-down", f"egm/{asset}", AT, facts={"asset": asset}, cause="line/A")
    monitor.up("link-down", "egm/99", AT, facts={"asset": 99}, cause="line/B")
    monitor.up("line-lost", "line/A", AT, facts={"line": "A"})
    assert [held.subject for held in monitor.holding()] == ["egm/99", "line/A"]
    monitor.down("line-lost", "line/A")
    assert len(monitor.holding()) == 21


def test_a_condition_is_raised_once_until_it_is_cleared():
    monitor = Monitor()
    assert monitor.up("link-down", "egm/1", AT)
    assert not monitor.up("link-down", "egm/1", AT)
    assert monitor.down("link-down", "egm/1")
    assert not monitor.down("link-down", "egm/1")
    assert monitor.counts == {"link-down": 1}


def test_what_is_shown_has_words_and_a_remedy():
    monitor = Monitor()
    monitor.up("chain-mismatch", "gateway/hg-07", AT, facts={"consumer": "central-1"})
    (held,) = monitor.holding()
    assert held.as_data()["text"] == "central-1 confirmed a record that reads differently here."
    assert held.as_data()["code"] == "HE4001"


def test_a_flood_of_conditions_is_counted_and_does_not_grow():
    monitor = Monitor()
    for asset in range(HELD_MAX + 10):
        monitor.up("link-down", f"egm/{asset}", AT)
    assert len(monitor.holding()) == HELD_MAX
    assert monitor.counts["link-down"] == HELD_MAX + 10
