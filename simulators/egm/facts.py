"""What the answers of a machine are made from: the machine, its book, and the moment; perhaps one denomination."""

from collections.abc import Callable
from dataclasses import dataclass

from protocols.sas.egm import Ack, Nack
from protocols.sas.longpoll import Values
from simulators.egm.bank import Bank
from simulators.egm.book import Book
from simulators.egm.machine import Machine
from simulators.egm.persona import Persona

ACK, NACK = Ack(), Nack()


@dataclass(frozen=True, slots=True)
class Facts:
    """Given to every row of the tables of answers."""

    machine: Machine
    book: Book
    now: Callable[[], float]
    "The wire's seconds."
    lived: Callable[[], float]
    "The machine's."
    denomination: int = 0
    "Asked for inside B0; 0: the whole."

    @property
    def bank(self) -> Bank:
        """Money and meters."""
        return self.machine.bank

    @property
    def persona(self) -> Persona:
        """The model, as it is now."""
        return self.machine.persona

    def game(self, values: Values) -> int | None:
        """The game that is asked for. None: there is none of this number, which is ignored, not refused (sas-core 1.6)."""
        game = values["game"]
        return game if isinstance(game, int) and game <= self.persona.games else None
