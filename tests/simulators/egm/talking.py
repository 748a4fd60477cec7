"""A host of raw bytes and one simulated machine, in virtual time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf

from protocols.sas.crc import crc16
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm

MORNING = datetime(2026, 11, 23, 6, 30, 15, tzinfo=UTC)
CHAR_S = 11 / 19200
STILL = Habits(games_per_minute=0, events_per_minute=0)
IDLE = ("00", "1f", None)


def checked(text: str) -> bytes:
    """The frame with its check sum, low byte first."""
    data = bytes.fromhex(text)
    return data + crc16(data).to_bytes(2, "little")


@dataclass
class Talk:
    """The machine, the moment, and every chirp so far."""

    egm: WiredEgm
    now: float = 1000.0
    chirps: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes | str) -> str | None:
        """What the machine answers, as hex; None: silence."""
        data = bytes.fromhex(frame) if isinstance(frame, str) else frame
        answer = None
        for place, value in enumerate(data):
            self.now += CHAR_S
            answer = self.egm.receive(value, place == 0, self.now) or answer
        self.now += 0.02
        return None if answer is None else answer[0].hex(" ")

    def ask(self, text: str) -> str | None:
        """A poll with its check sum, after another frame, so that it never is a repeat."""
        self.send("82")
        return self.send(checked(text))

    def silence(self, seconds: float) -> None:
        """Nothing comes; chirps are noted."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            chirp = self.egm.tick(self.now)
            if chirp is not None:
                assert chirp[1]
                self.chirps.append(chirp[0])

    def drain(self) -> list[int]:
        """Every exception that waits, in the order it is told; each is acknowledged."""
        heard = []
        for _ in range(60):
            self.send("82")
            answer = self.send(bytes([0x80 | self.egm.address]))
            if answer in IDLE:
                break
            heard.append(int(str(answer), 16))
        self.send("82")
        return heard

    def live(self, seconds: float, *, attendant: bool = True) -> list[tuple[float, int]]:
        """Polled five times a second, what is told and when. Without attendants nobody pays."""
        end, heard = self.now + seconds, []
        while self.now < end:
            if not attendant:
                self.egm.machine._due["attendant"] = inf
            self.egm.play(self.now)
            self.send("82")
            answer = self.send(bytes([0x80 | self.egm.address]))
            if answer not in IDLE:
                heard.append((self.now, int(str(answer), 16)))
            self.now += 0.15
        self.send("82")
        return heard


def a_talk(persona: Persona | None = None, *, habits: Habits = STILL, speed: float = 1.0, address: int = 1) -> Talk:
    """A machine that has just been switched on."""
    egm = WiredEgm(
        100417, address, persona or Persona(), Dice(7), serial="SIM100417", now=1000.0, wall=MORNING, habits=habits,
        speed=speed,
    )  # fmt: skip
    return Talk(egm)
