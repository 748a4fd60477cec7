"""Events in which money moves at a machine, or is about to. Each is made by a SAS exception.

A bare exception says only that something happened; the amount is asked for afterwards and becomes an event of its own,
later in the log, that names this one. Hence "noticed" for tickets, transfers, progressives and bonuses.
"""

from edge.hall.catalogue.kind import EventKind, sas
from edge.hall.shapes import choice, event_id, integer

_COUNTRY = integer(0, 99, about="country of the bill (SAS appendix C): 37 United States, 39 euro; 0 unknown")
_HANDPAY = {"handpay": event_id(about="the handpay.pending event of the handpay this belongs to")}

MONEY_KINDS: tuple[EventKind, ...] = (
    sas("bill.accepted", "Bill accepted", "Machine {asset}: bill accepted", "money", priority="high", live="money",
        optional={"bill_denomination": integer(
            1, 1_000_000, about="face value in whole units of the local currency; absent: the machine did not say"
        ), "country": _COUNTRY, "count": integer(0, 99_999_999, about="bills of this kind accepted so far")}),
    sas("bill.totals.reset", "Bill totals reset", "Machine {asset}: bill acceptor's period totals reset", "money",
        priority="alarm", live="money"),
    sas("cashout.requested", "Cash-out requested", "Machine {asset}: cash-out requested", "money",
        priority="high", live="money", required={"by": choice("button", "player", "win_to_system")}),
    sas("handpay.pending", "Handpay pending", "Machine {asset}: handpay pending", "money",
        priority="alarm", live="money", optional=_HANDPAY),
    sas("handpay.reset", "Handpay reset", "Machine {asset}: handpay reset", "money", priority="high", live="money",
        optional=_HANDPAY),
    sas("handpay.cancelled", "Handpay request cancelled", "Machine {asset}: player cancelled the handpay request",
        "money", priority="high", live="money", optional=_HANDPAY),
    sas("handpay.keyed_off", "Handpay keyed off to machine pay", "Machine {asset}: handpay keyed off to machine pay",
        "money", priority="high", live="money", optional=_HANDPAY),
    sas("payout.interrupted", "Game reset during payout", "Machine {asset}: game reset during payout", "money",
        priority="alarm", live="money"),
    sas("progressive.noticed", "Progressive win", "Machine {asset}: progressive ({stage})", "money",
        priority="alarm", live="money",
        required={"stage": choice("win_paid", "sas_level_hit", "other_level_hit")}),
    sas("progressive.silent", "No progressive information", "Machine {asset}: no progressive information for 5 s",
        "fault", priority="alarm", live="fault"),
    sas("bonus.noticed", "Legacy bonus paid", "Machine {asset}: legacy bonus paid or jackpot multiplied", "money",
        priority="high", live="money",
        optional={
            "multiplier": integer(0, 255),
            "multiplied_win": integer(0, 99_999_999, about="credits"),
            "tax_status": integer(0, 255, about="as the machine told it"),
            "bonus": integer(0, 99_999_999, about="credits"),
        }),
    sas("tip.awarded", "Tip awarded", "Machine {asset}: tip awarded", "money", priority="high", live="money"),
    sas("meters.reset", "Meters reset to zero", "Machine {asset}: lifetime meters reset to zero", "money",
        priority="alarm", live="money"),
    sas("meters.change", "Meter change", "Machine {asset}: meter change {stage}", "money",
        priority="high", live="money", required={"stage": choice("pending", "cancelled")}),
)  # fmt: skip

TICKET_KINDS: tuple[EventKind, ...] = (
    sas("ticket.noticed", "Ticket", "Machine {asset}: ticket ({stage})", "ticket", priority="high", live="ticket",
        required={"stage": choice(
            "printed", "inserted", "transfer_completed", "handpay_validated", "validation_requested"
        )}),
    sas("validation.unconfigured", "Validation id not configured", "Machine {asset}: validation id not configured",
        "ticket", priority="alarm", live="ticket"),
)  # fmt: skip

CASHLESS_KINDS: tuple[EventKind, ...] = (
    sas("transfer.noticed", "Cashless transfer", "Machine {asset}: cashless transfer ({stage})", "cashless",
        priority="high", live="cashless",
        required={"stage": choice(
            "completed", "cash_out_requested", "win_cash_out_requested", "registration_requested",
            "registration_acknowledged", "registration_cancelled", "game_locked",
        )}),
)  # fmt: skip
