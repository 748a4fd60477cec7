"""The pull feed: pages of the log as stored, acknowledged by cursor. And the newest events, for people.

The feed never looks into a body. Acknowledgements are read strictly here; the field checks them and moves.
"""

import asyncio
import re
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from edge.access import Principal
from edge.clock import stamp
from edge.front.api.auth import principal_of
from edge.front.api.problems import Problem
from edge.front.api.schemas import RewindIn, SetAsideIn, cursor_in, known_only, number, read_body, shaped
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.front.views import events
from edge.front.views.search import Search, Wanted
from edge.front.views.status import consumers
from edge.seam.errors import FieldAway
from edge.seam.messages import Advance, Advanced, Cursor, Rewind, SetAside
from sync.pull import LIMIT_MAX, WAIT_MAX_S, After, PullFeed, compress

NDJSON = "application/x-ndjson"
ACK_MAX = 4096
SEARCH_MAX = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
_STREAM = re.compile(r"[0-9a-f]{32}\Z")
_CODE = re.compile(r"[0-9A-Fa-f]{2}\Z")
_KIND = re.compile(r"[a-z0-9.]{1,80}\Z")
T = TypeVar("T")


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""
    feed = PullFeed(front.readers.connection, front.seam.head)

    @app.get(f"{API}/events")
    async def get_events(request: Request) -> Response:
        """A page after a cursor; `wait=` up to 60 s for the next record. See docs/api.md."""
        known_only(request, "consumer", "streamid", "after", "limit", "wait")
        consumer = _consumer(request, principal_of(request))
        ndjson = NDJSON in request.headers.get("accept", "")
        form: Literal["json", "ndjson"] = "ndjson" if ndjson else "json"
        limit = number(request, "limit", least=1, most=LIMIT_MAX, default=500)
        wait_s = number(request, "wait", least=0, most=int(WAIT_MAX_S), default=0)
        page = await _or_away(
            front,
            feed.page_or_wait(
                consumer, _stream(request), _after(request), limit, wait_s=wait_s, clock=_quality(front), form=form
            ),
        )
        body, encoding = compress(page.body, request.headers.get("accept-encoding", ""))
        following = {"consumer": consumer, "streamid": page.next.streamid, "after": page.next.sequence, "limit": limit}
        headers = {
            "Link": f'</api/v1/events?{urlencode(following)}>; rel="next"',
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-store",
        }
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        if ndjson:
            headers["Hall-Edge-Next"] = page.next.encode().decode()
        return Response(body, media_type=NDJSON if ndjson else "application/json", headers=headers)

    @app.post(f"{API}/consumers/{{name}}/ack")
    async def post_ack(request: Request, name: str) -> Response:
        """Everything up to this cursor is stored at the consumer, durably and without a gap."""
        principal = principal_of(request)
        principal.require_consumer(_known_name(name))
        given = cursor_in(await read_body(request, ACK_MAX))
        cursor = Cursor(streamid=given.streamid, sequence=given.sequence, sha256=given.sha256)
        moved = await front.seam.call(Advance(consumer=name, cursor=cursor))
        told = {"acknowledged": moved.cursor.model_dump(), "advanced": moved.moved}
        return Response(orjson.dumps(told), media_type="application/json")

    @app.post(f"{API}/consumers/{{name}}/rewind")
    async def post_rewind(request: Request, name: str) -> Response:
        """A person sets a consumer back to an older cursor, or to `oldest`; the log tells who did."""
        principal = principal_of(request)
        principal.require_consumer(_known_name(name))
        given = shaped(await read_body(request, ACK_MAX), RewindIn)
        to = None if given.to == "oldest" else Cursor(**given.to.model_dump())
        asked = Rewind(consumer=name, to=to, principal=principal.name[:120], comment=given.comment)
        return _rewound(await front.seam.call(asked))

    @app.post(f"{API}/consumers/{{name}}/set-aside")
    async def post_set_aside(request: Request, name: str) -> Response:
        """A person lets a delivery go on behind the record at which it stands; the log tells who did, and why."""
        principal = principal_of(request)
        principal.require_consumer(_known_name(name))
        given = shaped(await read_body(request, ACK_MAX), SetAsideIn)
        asked = SetAside(consumer=name, sequence=given.sequence, principal=principal.name[:120], comment=given.comment)
        return _rewound(await front.seam.call(asked))

    @app.get(f"{API}/consumers")
    async def get_consumers(request: Request) -> Response:
        """Who reads the log, and how far each has confirmed; a key of one consumer sees that one."""
        known_only(request)
        told = consumers(front)
        if told is None:
            front.readers.check()
            raise FieldAway("The field does not answer, so the books are not read")
        bound = principal_of(request).consumer
        shown = [one for one in told if bound is None or one["name"] == bound]
        return Response(orjson.dumps({"consumers": shown}), media_type="application/json")

    @app.get(f"{API}/events/search")
    async def get_search(request: Request) -> Response:
        """Events, newest first: `egm=`, `line=`, `type=` (or its beginning), `code=` a SAS exception in hex, `from=` and `to=`
        stamps; `limit=`, `before=` and `after=` positions of the log, `wait=`. See docs/api.md."""
        known_only(request, "egm", "line", "type", "code", "from", "to", "limit", "after", "before", "wait")
        limit = number(request, "limit", least=1, most=SEARCH_MAX, default=50)
        after = number(request, "after", least=0, most=2**62, default=-1)
        wait_s = number(request, "wait", least=0, most=int(WAIT_MAX_S), default=0)
        wanted = _wanted(request, max(0, after))
        front.readers.connection()
        if after >= 0 and wait_s:
            await _or_away(front, front.seam.head.wait_beyond(after, wait_s))
        position = events.position(front.readers.connection())
        search = Search(wanted, limit)
        while True:
            # The connection anew for each slice: the seam may be lost between two.
            if search.step(front.readers.connection()):
                break
            await asyncio.sleep(0)
        told: dict[str, Any] = {
            "events": search.found,
            "position": position,
            "next": search.next,
            "walked": search.walked,
            "time_zone": front.settings.hall.time_zone,
        }
        return Response(orjson.dumps(told), media_type="application/json")


def _rewound(moved: Advanced) -> Response:
    told = {"cursor": moved.cursor.model_dump(), "moved": moved.moved}
    return Response(orjson.dumps(told), media_type="application/json")


def _known_name(name: str) -> str:
    if not _NAME.match(name):
        raise Problem("not-found", "There is no such consumer.")
    return name


def _wanted(request: Request, after: int) -> Wanted:
    query = request.query_params
    kind, line, code = query.get("type"), query.get("line"), query.get("code")
    if kind is not None and not _KIND.match(kind):
        raise Problem("validation", "type: not the beginning of a kind of event.")
    if line is not None and not _NAME.match(line):
        raise Problem("validation", "line: not the name of a line.")
    if code is not None and not _CODE.match(code):
        raise Problem("validation", "code: a SAS exception is two hex digits, such as 11.")
    return Wanted(
        asset=number(request, "egm", least=1, most=9_999_999_999, default=0) or None,
        line=line,
        kind=kind,
        code=None if code is None else int(code, 16),
        since=_moment(request, "from"),
        until=_moment(request, "to"),
        after=after,
        before=number(request, "before", least=1, most=2**62, default=0) or None,
    )


def _moment(request: Request, name: str) -> str | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Problem("validation", f"{name}: not a moment like 2026-11-24T02:00:00Z.") from None
    if at.tzinfo is None:
        raise Problem("validation", f"{name}: say its time zone, as in 2026-11-24T02:00:00Z.")
    try:
        return stamp(at)
    except OverflowError:  # the first and the last day there are, in UTC another one
        raise Problem("validation", f"{name}: this moment is out of range.") from None


async def _or_away(front: Front, waiting: Awaitable[T]) -> T:
    """A long poll ends with the front and with the field."""
    found = await front.until_stop(waiting, front.seam.wait_lost())
    if found is None:
        raise FieldAway("The wait was cut short; nothing moved, ask again")
    return found


def _consumer(request: Request, principal: Principal) -> str:
    name = request.query_params.get("consumer") or principal.consumer
    if name is None:
        raise Problem("validation", "consumer: say for whom; this key is not bound to one.")
    if not _NAME.match(name):
        raise Problem("not-found", "There is no such consumer.")
    principal.require_consumer(name)
    return name


def _stream(request: Request) -> str | None:
    streamid = request.query_params.get("streamid")
    if streamid is not None and not _STREAM.match(streamid):
        raise Problem("validation", "streamid: must be 32 hexadecimal digits.")
    return streamid


def _after(request: Request) -> After:
    text = request.query_params.get("after")
    if text is None or text == "oldest" or text == "now":
        return text  # type: ignore[return-value] # the two words, or none
    return number(request, "after", least=0, most=2**53 - 1, default=0)


def _quality(front: Front) -> str:
    return front.seam.mirror.gateway.clock
