"""The live wire on a terminal and in a file, and a capture read again."""

import asyncio
import json
from pathlib import Path

from protocols.line.capture import Reader
from tests.edge.cli.test_hallctl import hallctl, run
from tests.edge.front.made_up_hall import Hall, made_up_hall, until

CAPTURES = Path(__file__).parents[2] / "captures"
FRAMES = (
    (">", "80", True), (">", "81", True), ("<", "11", False),
    (">", "01 0E 00 CC C0", True), ("<", "01 FF 4F 37 04 00 00 01 23 76 9D", False),
    (">", "01 B0 02 01 11 B0 C7", True), ("<", "01", True),
)  # fmt: skip


async def traced(hall: Hall, *arguments: str) -> tuple[int, str, str]:
    """What the program prints while these frames pass."""
    running = asyncio.create_task(hallctl(hall, "line", "trace", "A", "--for", "1", *arguments))
    await until(lambda: hall.field.traced == ["+A"])
    now = asyncio.get_running_loop().time()
    for place, (direction, text, wakeup) in enumerate(FRAMES):
        data = bytes.fromhex(text)
        flags = bytes([wakeup]) + bytes(len(data) - 1)
        hall.seam.trace("A", now + place * 0.0125, direction, data, flags)
    done = await running
    return done.returncode, done.stdout, done.stderr


async def test_a_trace_tells_gaps_wakeup_bits_event_frames_and_polls_inside_polls(tmp_path: Path) -> None:
    async with made_up_hall(tmp_path) as hall:
        code, out, _ = await traced(hall)
    lines = out.splitlines()
    assert code == 0
    assert "2 polls without news" in lines[0]
    assert lines[1].endswith("← 11                                             11 slot door opened")
    assert "+12.5" in lines[1]
    assert "[01] 0E 00 CC C0" in lines[2]
    assert "event frame: 4F bill accepted" in lines[3]
    assert "multi-denomination preamble: for 0.01: total coin in" in lines[4]
    assert "[01]" in lines[5]
    assert "chirp" in lines[5]


async def test_raw_shows_characters_with_a_star_before_each_that_carries_the_wakeup_bit(tmp_path: Path) -> None:
    async with made_up_hall(tmp_path) as hall:
        _, out, _ = await traced(hall, "--raw")
    assert [line.split(maxsplit=2)[2] for line in out.splitlines()[1:4]] == ["> *81", "< 11", "> *01 0E 00 CC C0"]


async def test_what_is_written_reads_as_a_capture_and_no_file_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "door.cap"
    async with made_up_hall(tmp_path) as hall:
        code, _, err = await traced(hall, "--write", str(file))
        assert (code, "7 records in" in err) == (0, True)
        with file.open(encoding="utf-8", newline="\n") as opened:
            reader = Reader(opened.readlines())
            records = list(reader)
        assert (reader.header.line, reader.header.machine) == ("A", "Bank 1")
        assert [record.data.hex(" ").upper() for record in records] == [text for _, text, _ in FRAMES]
        assert [round(record.offset_us / 500) for record in records[:3]] == [0, 25, 50]  # half milliseconds
        assert records[-1].flags == b"\x01"
        before = file.read_bytes()
        assert (await hallctl(hall, "line", "trace", "A", "--for", "1", "--write", str(file))).returncode == 6
        assert file.read_bytes() == before


def test_a_capture_is_read_in_words_and_its_events_are_told(tmp_path: Path) -> None:
    done = run(tmp_path, "line", "replay", str(CAPTURES / "door-and-bills.cap"), "--events")
    assert done.returncode == 0, done.stderr
    assert "line SIM · simulated, plain, SAS 602" in done.stdout
    assert "4A $20 bill accepted" in done.stdout
    assert "machine 1: 11 slot door opened" in done.stdout.splitlines()[-3]
    told = run(tmp_path, "line", "replay", str(CAPTURES / "published.cap"), "--json")
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert any(row["text"].startswith("event frame: 11") for row in rows)


def test_a_capture_that_today_s_host_would_not_send_is_still_shown(tmp_path: Path) -> None:
    text = (CAPTURES / "door-and-bills.cap").read_text(encoding="utf-8")
    changed = tmp_path / "changed.cap"
    changed.write_text(text.replace("> *80\n", "> *82\n", 1), encoding="utf-8")
    done = run(tmp_path, "line", "replay", str(changed), "--events")
    assert done.returncode == 6
    assert "slot door opened" in done.stdout
    assert "recorded was *82, now *80 is sent" in done.stderr


def test_what_is_no_capture_is_refused_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.cap"
    broken.write_text("hall-edge capture 1\nline: A\n", encoding="utf-8")
    done = run(tmp_path, "line", "replay", str(broken))
    assert done.returncode == 2
    assert "HE2299" in done.stderr
    assert run(tmp_path, "line", "replay", str(tmp_path / "none.cap")).returncode == 5
