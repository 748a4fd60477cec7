"""(pure) All that can go wrong with the store, with delivery and with commands.

Every error carries its facts as attributes and a ``slug`` that names it towards central; ``str()`` is a full sentence.
What a person should do is said by whoever shows it, found by the slug.
"""

from __future__ import annotations

from typing import ClassVar


class SyncError(Exception):
    """Root of this wing's errors. ``facts`` say where."""

    slug: ClassVar[str] = "sync-error"

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(text)
        self.facts: dict[str, object] = facts


# The store ----------------------------------------------------------------------------------------------------------


class StoreError(SyncError):
    """The store could not do it; nothing of it was written."""

    slug = "store-error"


class StorageFull(StoreError):
    """No room. The transaction is undone, the same work may be tried again when there is room."""

    slug = "storage-full"


class StorageFatal(StoreError):
    """Reading or writing the disk failed: what is on it is unknown. Full stop; never try again on this connection."""

    slug = "storage-fatal"


class ForeignWriter(StorageFatal):
    """Somebody else committed to our file: what we hold in memory of its end may be wrong. Full stop."""

    slug = "foreign-writer"


class DatabaseReplaced(StorageFatal):
    """The file at our path is not the one we write to: what we call durable would be a ghost's. Full stop."""

    slug = "database-replaced"


class ConstraintBroken(StoreError):
    """The tables refuse this fact: a bug of ours or hostile bytes. Its neighbours in the group are not touched."""

    slug = "constraint-broken"


class WriterClosed(StoreError):
    """The writer was closed or never started."""

    slug = "writer-closed"


class NotMigrated(StoreError):
    """The database lacks our tables: ``hall-edge migrate`` first."""

    slug = "not-migrated"


class PragmaRefused(StoreError):
    """SQLite did not take a setting on which durability rests. The store is not opened."""

    slug = "pragma-refused"


class ChainBroken(StoreError):
    """The chain does not hold at ``position``: a record was changed, or one is missing."""

    slug = "chain-broken"

    def __init__(self, text: str, *, position: int, damage: str) -> None:
        super().__init__(text, position=position, damage=damage)
        self.position = position
        self.damage = damage


class BadEnvelope(StoreError):
    """Outside our subset of canonical JSON, or a member that CloudEvents needs is missing. Must not reach the log."""

    slug = "bad-envelope"


class EventTooLarge(BadEnvelope):
    """An event over the limit of 64 KiB."""

    slug = "event-too-large"


# Towards central ----------------------------------------------------------------------------------------------------


class DeliveryError(SyncError):
    """A cursor or an acknowledgement cannot be accepted; nothing moved."""

    slug = "delivery-error"


class BadCursor(DeliveryError):
    """Not the shape of a cursor."""

    slug = "validation"


class ChainMismatch(DeliveryError):
    """The hash at that record differs here. Stop, call a person. HTTP 409."""

    slug = "chain-mismatch"


class AckBeyondHead(DeliveryError):
    """Names a record that was never made. HTTP 416."""

    slug = "ack-beyond-head"


class EpochChanged(DeliveryError):
    """The stream id is none of ours. ``facts["epochs"]`` lists those that are. HTTP 409."""

    slug = "epoch-changed"


class CursorExpired(DeliveryError):
    """What follows this cursor is no longer here. ``facts["oldest"]`` says from where it is. HTTP 410."""

    slug = "cursor-expired"


class UnknownConsumer(DeliveryError):
    """No consumer of that name is configured. HTTP 404."""

    slug = "not-found"


class NotOlder(DeliveryError):
    """A person may set a consumer back, not forward. HTTP 409."""

    slug = "not-older"


class NotNext(DeliveryError):
    """Only the record at which a delivery stands can be set aside. HTTP 409."""

    slug = "not-next"


class FieldAway(DeliveryError):
    """The part that writes does not answer, or the books cannot be read now. Nothing moved; ask again. HTTP 503."""

    slug = "field-away"


# Commands -----------------------------------------------------------------------------------------------------------


class CommandError(SyncError):
    """A command that is refused; it changed nothing."""

    slug = "command-error"

    @staticmethod
    def of(slug: str, text: str, **facts: object) -> CommandError:
        """The error of that slug. Raises KeyError for a slug that does not exist."""
        return _COMMAND_ERRORS[slug](text, **facts)


class Malformed(CommandError):
    """Not JSON, a member missing, unknown, twice, or of the wrong type or range."""

    slug = "malformed"


class Expired(CommandError):
    """Its time is over."""

    slug = "expired"


class Conflict(CommandError):
    """The id was used before with another content."""

    slug = "conflict"


class WrongEpoch(CommandError):
    """It expects another stream than the present one."""

    slug = "wrong-epoch"


class StaleTerm(CommandError):
    """This central has spoken with a higher term since."""

    slug = "stale-term"


class WrongGateway(CommandError):
    """It is for another gateway."""

    slug = "wrong-gateway"


class TooOld(CommandError):
    """Issued before what the inbox still remembers; its id may have been used."""

    slug = "too-old"


class Unsigned(CommandError):
    """No signature where one is needed, or by a key we do not know."""

    slug = "unsigned"


class BadSignature(CommandError):
    """The signature does not hold."""

    slug = "bad-signature"


_COMMAND_ERRORS: dict[str, type[CommandError]] = {
    kind.slug: kind
    for kind in (
        Malformed, Expired, Conflict, WrongEpoch, StaleTerm, WrongGateway, TooOld, Unsigned, BadSignature,
    )
}  # fmt: skip
