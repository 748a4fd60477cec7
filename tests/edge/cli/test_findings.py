"""Pages of a scan and a probe, as a technician reads them."""

from edge.cli.findings import probe_page, ranges, scan_page
from edge.seam.findings import denomination, features_in_words, probe_result, scan_result
from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import Hall, made_up_hall
from tests.support.findings import PROBED, SCANNED


def page_of_scan() -> str:
    return "\n".join(scan_page(scan_result("A", SCANNED).model_dump(mode="json")))


def test_a_scan_shows_each_machine_with_what_it_is_and_what_is_wrong():
    lines = page_of_scan().splitlines()
    assert lines[1].split() == ["1", "\x1b[32manswers\x1b[0m", "XA-1234", "602", "AT", "P12345", "02", "9", "—"]
    assert "two machines?" in lines[2]
    assert "real-time mode" in lines[3]
    assert "chirps, does not answer" in lines[4]


def test_what_was_left_in_a_machine_and_what_was_not_asked_is_said():
    page = page_of_scan()
    assert (
        "exception 11 (slot door opened) waits in the machine; it was not acknowledged, real-time events are on" in page
    )
    assert "address 4: answers collide; two machines may be set to this address" in page
    assert "NOT ASKED: 120-127" in page
    assert "the line gives back what is sent" in page
    assert "3 stray characters" in page


def test_a_probe_shows_what_was_said_and_what_was_not():
    page = "\n".join(probe_page(probe_result("A", 1, PROBED).model_dump(mode="json")))
    for words in (
        "SAS 602 · serial XA-1234",
        "ticket redemption",
        "accounting 0.05 · for the player 0.05, 2.50",
        "coin jam, 20 % full, 340 coins",
        "123 456 789 012 345 678  credits  9 bytes",
        "92.50   %",
        "not of one moment",
        "silent to",
        "8E card information",
        "refuses",
        "3 more were not asked for",
        "configuration of game n (game 1)",
    ):
        assert words in page, words


def test_text_of_a_machine_steers_no_terminal():
    told = probe_result("A", 1, PROBED).model_dump(mode="json") | {"serial": "\x1b[2J"}
    assert "\x1b[2J" not in "\n".join(probe_page(told))


def test_ranges_of_addresses_are_short():
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert ranges([]) == ""


def test_features_and_denominations_in_words():
    assert features_in_words(b"") == ()
    words = features_in_words(bytes.fromhex("a0 8a 01 00 00 00"))
    assert {"ticket redemption", "extended meters (6F, AF)", "40 ms polling", "validation system"} <= set(words)
    assert "meter model when played or paid" in words
    assert [denomination(code) for code in (0x01, 0x06, 0x0D, 0x1F, 0x00, 0x40, None)] == [
        "0.01", "1", "2.50", "0.0005", "none (code 00)", "none (code 40)", "—",
    ]  # fmt: skip


async def test_both_are_asked_through_the_daemon(tmp_path) -> None:
    hall: Hall
    async with made_up_hall(tmp_path) as hall:
        scanned = await hallctl(hall, "line", "scan", "A", "--listen")
        assert scanned.returncode == 0, scanned.stderr
        assert "XA-1234" in scanned.stdout
        assert hall.field.asked[-1].listen is True
        assert (await hallctl(hall, "line", "scan", "Z")).returncode == 5
        probed = await hallctl(hall, "egm", "probe", "17")
        assert probed.returncode == 0, probed.stderr
        assert "SAS 602 · serial XA-1234" in probed.stdout
        assert (await hallctl(hall, "egm", "probe", "18")).returncode == 6  # off line
