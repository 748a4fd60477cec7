"""Long polls that a gateway knows by name and never sends: tickets, transfers, bonuses, progressives, signatures; reserved codes.

So that a trace of another host's traffic, or a scan, can name them. Layouts are not here. Sizes stand as the list has them:
whole frames in bytes, "5 + length" where a length byte says, "ACK", "-" where nobody public tells. Source: sas-core 5.1 (rows
that belong to its companion document) and 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompanionPoll:
    """One long poll of the later steps."""

    code: int
    name: str
    kind: str
    "Letters of the list: R read, S set, M multi-game, S/G also as broadcast. Two where sources disagree."
    request: str
    reply: str
    version: str = ""
    "The standard's version that brought it, where that is later than 6.02."
    note: str = ""
    source: str = "sas-core 5.1"


_BY_LENGTH = "5 + length"
_ACK = "ACK"


def _c(
    code: int, name: str, kind: str, request: str, reply: str, *, version: str = "", note: str = ""
) -> CompanionPoll:
    return CompanionPoll(code, name, kind, request, reply, version, note)


_EFT_CURRENCY = tuple(
    _c(code, "EFT in currency units (before 6)", "S", "-", "-") for code in (*range(0x22, 0x27), 0x29)
)
_EFT_CREDITS = tuple(
    _c(code, "EFT in credits (before 6)", "S", "-", "-") for code in (*range(0x62, 0x66), 0x67, 0x69, 0x6B)
)

_ROWS: tuple[CompanionPoll, ...] = (
    _c(0x1D, "cumulative EFT or promotional meters (before 6)", "R", "2", "20",
       note="promotional in, non-cashable in, credits transferred out, cashable in"),
    _c(0x21, "ROM signature", "S", "6", "ACK, later a frame of 6", note="the result comes with a later general poll"),
    *_EFT_CURRENCY,
    _c(0x27, "current restricted promotional credits", "R", "2", "8"),
    _c(0x28, "EFT transaction log", "R", "2", "49", note="five entries of 9 bytes"),
    _c(0x3D, "cash-out ticket information", "R", "2", "13"),
    _c(0x4C, "set secure enhanced validation ID", "S", "10", "10"),
    _c(0x4D, "enhanced validation information", "S", "5", "35"),
    _c(0x50, "validation meters", "S", "5", "14"),
    _c(0x57, "pending cash-out information", "R", "2", "10"),
    _c(0x58, "receive validation number", "S", "13", "5"),
    _c(0x59, "enabled currency codes", "R", "2", _BY_LENGTH, version="6.03", note="foreign currency"),
    _c(0x5A, "supported bills", "S", "-", "-", version="6.03", note="foreign currency"),
    _c(0x5B, "bill meters", "S", "-", "-", version="6.03", note="foreign currency"),
    _c(0x5C, "foreign bill reporting mode", "S", "-", "-", version="6.03"),
    _c(0x5D, "non-SAS progressive win data", "R", "2", _BY_LENGTH, version="6.03"),
    _c(0x5E, "configured progressive controllers", "R", "2", _BY_LENGTH, version="6.03"),
    _c(0x5F, "progressive broadcast values", "S", "8", _BY_LENGTH, version="6.03"),
    *_EFT_CREDITS,
    _c(0x66, "EFT cash-out amount", "S", "5", "-"),
    _c(0x6A, "available EFT transfers", "R", "2", "8"),
    _c(0x6E, "authentication information", "S", _BY_LENGTH, _BY_LENGTH),
    _c(0x70, "ticket validation data", "R", "2", _BY_LENGTH),
    _c(0x71, "redeem ticket", "S", _BY_LENGTH, _BY_LENGTH),
    _c(0x72, "AFT transfer funds", "S", _BY_LENGTH, _BY_LENGTH),
    _c(0x73, "AFT register", "S", _BY_LENGTH, _BY_LENGTH),
    _c(0x74, "AFT lock and status", "S", "8", _BY_LENGTH),
    _c(0x75, "AFT receipt data", "S/G", _BY_LENGTH, _ACK),
    _c(0x76, "custom AFT ticket data", "S", _BY_LENGTH, _BY_LENGTH),
    _c(0x77, "progressive accounting data", "R or S", "2 or 9", "-", version="6.03",
       note="sources disagree: TWLV a read poll, MONACO 9 bytes (QUIRKS X8)"),
    _c(0x7A, "extended progressive broadcast", "S/G", _BY_LENGTH, _ACK, version="6.03"),
    _c(0x7B, "extended validation status", "S/G", "5 + length (13)", "15", note="a mask of zeros only reads"),
    _c(0x7C, "extended ticket data", "S/G", _BY_LENGTH, "5"),
    _c(0x7D, "ticket data", "S/G", _BY_LENGTH, "5"),
    _c(0x80, "progressive amount broadcast", "S/G", "11", _ACK),
    _c(0x83, "cumulative progressive wins", "M", "6", "10"),
    _c(0x84, "progressive win amount", "R", "2", "11"),
    _c(0x85, "SAS progressive win amount", "R", "2", "11"),
    _c(0x86, "multiple progressive levels broadcast", "S/G", _BY_LENGTH, _ACK),
    _c(0x87, "multiple SAS progressive wins", "R", "2", _BY_LENGTH),
    _c(0x8A, "legacy bonus pay", "S", "9", _ACK),
    _c(0x8B, "multiplied jackpot mode (obsolete)", "S", "15", _ACK),
    _c(0x8C, "tournament mode", "M", "13", _ACK),
    _c(0x90, "legacy bonus win amount", "R", "2", "14"),
    _c(0x94, "remote handpay reset", "S", "4", "5", note="reply: 00 done, 01 unable, 02 no handpay"),
    _c(0x95, "tournament games played", "M", "6", "10"),
    _c(0x96, "tournament games won", "M", "6", "10"),
    _c(0x97, "tournament credits wagered", "M", "6", "10"),
    _c(0x98, "tournament credits won", "M", "6", "10"),
    _c(0x99, "tournament meters", "M", "6", "22"),
    _c(0x9A, "legacy bonus meters", "M", "6", "18"),
    _c(0xA8, "jackpot handpay reset method", "S", "5", "5", note="reply: 00 done, 01 unable, 02 no handpay"),
)  # fmt: skip


def _by_code() -> Mapping[int, CompanionPoll]:
    table: dict[int, CompanionPoll] = {}
    for row in sorted(_ROWS, key=lambda row: row.code):
        if row.code in table:
            raise ValueError(f"long poll {row.code:02X} stands twice: {table[row.code].name}, {row.name}")
        table[row.code] = row
    return table


COMPANION: Mapping[int, CompanionPoll] = _by_code()
"""By code, ascending."""

RESERVED: Mapping[int, str] = {
    0x30: "overflowed exceptions (before 5; one source, layout unknown)",
    0xA5: "reserved or a maker's own",
    0xEB: "reserved or a maker's own",
    0xFD: "reserved or a maker's own",
    0xFF: "event frames of machines, never a poll",
}
"""Codes that no host should ever send (sas-core 5.1, last lines)."""
