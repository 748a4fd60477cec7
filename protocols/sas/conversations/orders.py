"""Orders of the control polls by name, where there is something to check before or to find out after (sas-core 5.4).

Everything else is ``Control(poll, values)``. Whether a machine should be told is decided above.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from protocols.errors import BadRequest
from protocols.sas.catalog import control
from protocols.sas.catalog.denominations import BILLS
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations import inside
from protocols.sas.conversations.asking import is_there, numbers
from protocols.sas.conversations.base import NoAnswer, Refused, Script, Steps, Unsupported
from protocols.sas.conversations.control import Control, Done
from protocols.sas.denominated import NOT_AWARE, NOT_SO, NOT_SUPPORTED
from protocols.sas.frame import encode_poll
from protocols.sas.longpoll import Reply

ENABLED_GAMES = long_poll(0x56)
_BILL_BITS = {value: bit for bit, value in enumerate(BILLS.values())}
"""Face value -> its bit in the mask of 08: both count the same list of values."""
_SOUNDS = {"on": control.SOUND_ON, "off": control.SOUND_OFF, "game_off": control.GAME_SOUNDS_OFF}
_CANNOT = frozenset({NOT_SUPPORTED, NOT_AWARE, NOT_SO})


def configure_bills(values: Collection[int], *, stays_enabled: bool = True) -> Control:
    """Which bills the acceptor takes, by face value; none: no bill. stays_enabled False: after every bill it waits for 06.

    Raises BadRequest for a value the standard has no bit for. The cabinet may still refuse bills by its own settings.
    """
    unknown = sorted(value for value in values if value not in _BILL_BITS)
    if unknown:
        raise BadRequest("There is no such bill in the standard.", values=tuple(unknown))
    mask = sum(1 << _BILL_BITS[value] for value in set(values))
    return Control(control.CONFIGURE_BILLS, {"mask": mask.to_bytes(4, "little"), "action": int(stays_enabled)})


def bill_acceptor(*, enabled: bool) -> Control:
    return Control(control.ENABLE_BILLS if enabled else control.DISABLE_BILLS)


def delay_game(tenths: int) -> Control:
    """Keep the next game from starting for so many tenths of a second; 0 cancels. Some makes must not be sent it."""
    return Control(control.DELAY_GAME, {"tenths": tenths})


def auto_rebet(*, enabled: bool) -> Control:
    return Control(control.AUTO_REBET, {"enable": int(enabled)})


def maintenance(*, enter: bool) -> Control:
    return Control(control.ENTER_MAINTENANCE if enter else control.EXIT_MAINTENANCE)


def sounds(which: Literal["on", "off", "game_off"]) -> Control:
    """game_off: reel-spin or game-play sounds only."""
    return Control(_SOUNDS[which])


class EnableGame(Script):
    """Enable or disable one game, for one denomination or all.

    Outcome: Done; Refused (NACK, or no such denomination); Unsupported; NoAnswer (whether it acted is not known). Where the
    acknowledgement was not heard, the list of enabled games says whether it was done. Raises BadRequest for a game
    outside 1 to 9999.
    """

    def __init__(self, game: int, *, enabled: bool, denomination_code: int | None = None) -> None:
        if not 1 <= game <= 9999:
            raise BadRequest("A game has a number from 1 to 9999.", game=game)
        self._game = game
        self._enabled = enabled
        self._denomination = denomination_code
        values = {"game": game, "enable": int(enabled)}
        self._order = inside.question(control.ENABLE_GAME, values, denomination_code)
        encode_poll(self._order.poll, 1, self._order.values)
        super().__init__()

    def steps(self) -> Steps:
        answer = yield self._order
        if answer.why == "busy":
            return Refused()
        if answer.reply is not None:
            reply = inside.unwrapped(control.ENABLE_GAME, self._denomination, answer.reply)
            if isinstance(reply, inside.Refusal):
                return Unsupported() if reply.error in _CANNOT else Refused()
            if reply is not None:
                return Done() if reply.status == "ack" else Refused()
        listed = yield inside.question(ENABLED_GAMES, {}, self._denomination)
        told = listed.reply and inside.unwrapped(ENABLED_GAMES, self._denomination, listed.reply)
        games = numbers(told.values, "games") if isinstance(told, Reply) else None
        if games is not None:
            if (self._game in games) is self._enabled:
                return Done()
            return Unsupported() if answer.why == "silent" else NoAnswer()
        if answer.why != "silent":
            return NoAnswer()
        return Unsupported() if (yield from is_there()) else NoAnswer()
