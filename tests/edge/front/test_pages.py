"""Pages for people: who may see them, that nothing in them can act, and that they say how old they are."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.edge.front.made_up_hall import CENTRAL, NOBODY, TECHNICIAN, Hall, until

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def test_whoever_is_not_logged_in_is_sent_to_the_login_form(hall: Hall) -> None:
    async with hall.client() as browser:
        answer = await browser.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "Key" in (await browser.get("/login")).text


async def test_a_key_opens_a_session_and_logging_out_ends_it_on_the_server(hall: Hall) -> None:
    async with hall.client() as browser:
        origin = {"Origin": hall.url}
        entered = await browser.post("/login", data={"key": TECHNICIAN.text}, headers=origin)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        value = browser.cookies["hall_edge"]
        assert "Book of Nights" in (await browser.get("/")).text or "17" in (await browser.get("/")).text
        assert (await browser.post("/logout", headers=origin)).status_code == 303
        browser.cookies.set("hall_edge", value)
        assert (await browser.get("/", headers={"Accept": "text/html"})).status_code == 303


async def test_a_form_from_another_page_is_refused(hall: Hall) -> None:
    async with hall.client() as browser:
        for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            answer = await browser.post("/login", data={"key": TECHNICIAN.text}, headers=headers)
            assert answer.status_code == 403
        await browser.post("/login", data={"key": TECHNICIAN.text}, headers={"Origin": hall.url})
        assert (await browser.post("/logout", headers={"Origin": "http://evil.example"})).status_code == 403
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(("key", "status"), [(NOBODY, 403), (None, 401)])
async def test_a_key_that_may_not_look_gets_no_session(hall: Hall, key: object, status: int) -> None:
    async with hall.client() as browser:
        text = key.text if key is not None else "hek_tech_" + "A" * 43  # type: ignore[attr-defined] # a NewKey
        answer = await browser.post("/login", data={"key": text}, headers={"Origin": hall.url})
        assert answer.status_code == status
        assert "set-cookie" not in answer.headers


async def test_a_link_from_the_box_opens_the_page_once(hall: Hall) -> None:
    async with hall.local() as technician:
        link = (await technician.post("/api/v1/page-links")).json()["urls"][0]
    path = "/enter?" + link.partition("?")[2]
    async with hall.client() as browser:
        assert (await browser.get(path)).headers["location"] == "/"
        assert (await browser.get("/")).status_code == 200
        assert (await browser.post("/api/v1/commands", content=b"{}")).status_code == 403  # it may only look
    async with hall.client() as second:
        assert (await second.get(path)).status_code == 401


async def test_text_from_a_machine_is_shown_as_text(hall: Hall) -> None:
    hall.board.update_egm(100417, serial=HOSTILE, label=HOSTILE, location=HOSTILE[:30], game_id=HOSTILE)
    hall.board.update_egm(100417, last_event={"text": HOSTILE, "time": "2026-11-23T00:11:07.320Z", "sequence": 1})
    hall.board.update_line("A", error=HOSTILE, state="lost")
    hall.announce()
    await hall.open_door(door="main")
    async with hall.client(TECHNICIAN) as browser:
        await until(lambda: hall.house.front.seam.mirror.egms[100417].serial == HOSTILE)
        page = (await browser.get("/")).text
        machine = (await browser.get("/m/100417")).text
    for text in (page, machine):
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert re.findall(r"<script[^>]*>", text) == ['<script src="/static/floor.js" defer>']


async def test_nothing_comes_from_outside_and_no_script_stands_in_a_page(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser:
        await hall.open_door()
        total = 0
        for path in ("/", "/m/100417", "/login", "/static/hall.css", "/static/floor.js", "/static/hall.svg"):
            answer = await browser.get(path)
            total += len(answer.content)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text) == []
            assert re.findall(r"\son[a-z]+=|style=|javascript:", answer.text) == []
        assert total < 100_000


async def test_only_the_files_that_are_there_can_be_asked_for(hall: Hall) -> None:
    async with hall.client() as browser:
        for name in ("..%2fpages.py", "hall.css%00", "floor.html", "%2e%2e"):
            assert (await browser.get(f"/static/{name}")).status_code in (404, 405)


async def test_the_floor_says_when_the_field_is_away(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser:
        assert "live" in (await browser.get("/")).text
        await hall.seam.close()
        await hall.until_connected(yes=False)
        page = (await browser.get("/")).text
        assert "Field restarting" in page
        assert 'data-connected="no"' in page
        assert "The books are not read while the field is away." in page


async def test_a_machine_nobody_knows_is_a_page_of_its_own(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser:
        for number in ("99", "x", "9" * 40, "\u0661\u0667"):
            answer = await browser.get(f"/m/{number}")
            assert answer.status_code == 404
            assert "No such machine" in answer.text


def test_the_script_puts_text_and_never_markup() -> None:
    script = (Path(__file__).parents[3] / "edge/front/dashboard/static/floor.js").read_text(encoding="utf-8")
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", script)


async def test_central_has_no_business_on_the_floor(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        assert (await central.get("/")).status_code == 403


async def test_a_machine_that_is_another_than_enrolled_is_seen_at_once_with_what_holds_until_it_is_confirmed(
    hall: Hall,
) -> None:
    hall.board.update_egm(100417, stage="held", stranger="serial number <b>XYZ</b>", handpay={"amount": None})
    hall.announce()
    async with hall.local() as browser:

        async def page(path: str) -> str:
            return str((await browser.get(path)).text)

        for _ in range(100):
            if "another machine answers" in await page("/"):
                break
            await asyncio.sleep(0.05)
        assert "another machine answers" in await page("/")
        shown = await page("/m/100417")
        assert "serial number &lt;b&gt;XYZ&lt;/b&gt;" in shown, "as text, whatever a machine calls itself"
        assert "nothing is taken from it until it is confirmed" in shown
        assert "not read yet" in shown, "a handpay whose amount is not known is no handpay of nothing"
