"""Meter codes (table C-7) for 2F (one byte), 6F and AF (two): name, unit, size, and the single poll that reads it.

``min_size`` is the fixed size in 2F and the smallest in 6F/AF; real cabinets send up to 9 bytes there, and the size in
the frame counts. Source: sas-core 8. Codes without a row are reserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocols.sas.fields import MeterValue

__all__ = ["METERS", "MIN_SIZES", "MeterCode", "MeterValue", "Unit"]

Unit: TypeAlias = Literal["credits", "cents", "count", "percent"]


@dataclass(frozen=True, slots=True)
class MeterCode:
    """One meter."""

    code: int
    slug: str
    name: str
    unit: Unit
    "credits: of the accounting denomination; percent: hundredths of one."
    min_size: int
    "Bytes of packed BCD, 4 or 5."
    single_poll: int | None
    "The long poll that reads it alone, or with its neighbour (18)."
    monotonic: bool
    "False: a level that may fall without anything being wrong."
    version: str = ""
    "The standard's version that brought it, where that is later than 6.02."
    source: str = "sas-core 8"


def _m(
    code: int, slug: str, name: str, unit: Unit, min_size: int, single_poll: int | None, *, monotonic: bool = True,
    version: str = "",
) -> MeterCode:
    return MeterCode(code, slug, name, unit, min_size, single_poll, monotonic, version)


_ROWS: tuple[MeterCode, ...] = (
    _m(0x00, "total_coin_in", "total coin in (wagered)", "credits", 4, 0x11),
    _m(0x01, "total_coin_out", "total coin out (machine-paid wins)", "credits", 4, 0x12),
    _m(0x02, "total_jackpot", "total jackpot (attendant-paid wins)", "credits", 4, 0x14),
    _m(0x03, "total_hand_paid_cancelled_credits", "total hand paid cancelled credits", "credits", 4, 0x2D),
    _m(0x04, "total_cancelled_credits", "total cancelled credits", "credits", 4, 0x10),
    _m(0x05, "games_played_count", "games played", "count", 4, 0x15),
    _m(0x06, "games_won_count", "games won", "count", 4, 0x16),
    _m(0x07, "games_lost_count", "games lost", "count", 4, 0x17),
    _m(0x08, "credits_from_coin_acceptor", "credits from coin acceptor", "credits", 4, None),
    _m(0x09, "credits_paid_from_hopper", "credits paid from hopper", "credits", 4, None),
    _m(0x0A, "credits_from_coins_to_drop", "credits from coins to drop", "credits", 4, None),
    _m(0x0B, "credits_from_bills_accepted", "credits from bills accepted", "credits", 4, 0x46),
    _m(0x0C, "current_credits", "current credits", "credits", 4, 0x1A, monotonic=False),
    _m(0x0D, "sas_cashable_ticket_in_incl_non_restricted_cents", "SAS cashable ticket in, incl. non-restricted", "cents", 5, None),
    _m(0x0E, "sas_cashable_ticket_out_incl_debit_cents", "SAS cashable ticket out, incl. debit", "cents", 5, None),
    _m(0x0F, "sas_restricted_ticket_in_cents", "SAS restricted ticket in", "cents", 5, None),
    _m(0x10, "sas_restricted_ticket_out_cents", "SAS restricted ticket out", "cents", 5, None),
    _m(0x11, "sas_cashable_ticket_in_count", "SAS cashable ticket in", "count", 4, None),
    _m(0x12, "sas_cashable_ticket_out_count", "SAS cashable ticket out", "count", 4, None),
    _m(0x13, "sas_restricted_ticket_in_count", "SAS restricted ticket in", "count", 4, None),
    _m(0x14, "sas_restricted_ticket_out_count", "SAS restricted ticket out", "count", 4, None),
    _m(0x15, "total_ticket_in", "total ticket in (all kinds)", "credits", 4, None),
    _m(0x16, "total_ticket_out", "total ticket out (all kinds)", "credits", 4, None),
    _m(0x17, "total_electronic_transfers_to_the_machine", "total electronic transfers to the machine", "credits", 4, None),
    _m(0x18, "total_electronic_transfers_to_the_host", "total electronic transfers to the host", "credits", 4, None),
    _m(0x19, "restricted_amount_played", "restricted amount played", "credits", 4, None),
    _m(0x1A, "non_restricted_amount_played", "non-restricted amount played", "credits", 4, None),
    _m(0x1B, "current_restricted_credits", "current restricted credits", "credits", 4, 0x27, monotonic=False),
    _m(0x1C, "machine_paid_paytable_win", "machine paid paytable win", "credits", 4, None),
    _m(0x1D, "machine_paid_progressive_win", "machine paid progressive win", "credits", 4, None),
    _m(0x1E, "machine_paid_external_bonus_win", "machine paid external bonus win", "credits", 4, None),
    _m(0x1F, "attendant_paid_paytable_win", "attendant paid paytable win", "credits", 4, None),
    _m(0x20, "attendant_paid_progressive_win", "attendant paid progressive win", "credits", 4, None),
    _m(0x21, "attendant_paid_external_bonus_win", "attendant paid external bonus win", "credits", 4, None),
    _m(0x22, "total_won", "total won (all wins)", "credits", 4, None),
    _m(0x23, "total_hand_paid", "total hand paid (wins + cancelled)", "credits", 4, None),
    _m(0x24, "total_drop", "total drop (coins, bills, and tickets if A0 says so)", "credits", 4, 0x13),
    _m(0x25, "games_since_power_reset_count", "games since power reset", "count", 4, 0x18, monotonic=False),
    _m(0x26, "games_since_slot_door_closed_count", "games since slot door closed", "count", 4, 0x18, monotonic=False),
    _m(0x27, "credits_from_external_coin_acceptor", "credits from external coin acceptor", "credits", 4, 0x47),
    _m(0x28, "total_cashable_ticket_in_incl_non_restricted_promo", "total cashable ticket in, incl. non-restricted promo", "credits", 4, None),
    _m(0x29, "regular_cashable_ticket_in", "regular cashable ticket in", "credits", 4, None),
    _m(0x2A, "restricted_promo_ticket_in", "restricted promo ticket in", "credits", 4, None),
    _m(0x2B, "non_restricted_promo_ticket_in", "non-restricted promo ticket in", "credits", 4, None),
    _m(0x2C, "cashable_ticket_out_incl_debit", "cashable ticket out, incl. debit", "credits", 4, None),
    _m(0x2D, "restricted_promo_ticket_out", "restricted promo ticket out", "credits", 4, None),
    _m(0x2E, "electronic_regular_cashable_to_machine_incl_external_bonus", "electronic regular cashable to machine, incl. external bonus", "credits", 4, None),
    _m(0x2F, "electronic_restricted_promo_to_machine", "electronic restricted promo to machine", "credits", 4, None),
    _m(0x30, "electronic_non_restricted_promo_to_machine", "electronic non-restricted promo to machine", "credits", 4, None),
    _m(0x31, "electronic_debit_to_machine", "electronic debit to machine", "credits", 4, None),
    _m(0x32, "electronic_regular_cashable_to_host", "electronic regular cashable to host", "credits", 4, None),
    _m(0x33, "electronic_restricted_promo_to_host", "electronic restricted promo to host", "credits", 4, None),
    _m(0x34, "electronic_non_restricted_promo_to_host", "electronic non-restricted promo to host", "credits", 4, None),
    _m(0x35, "regular_cashable_ticket_in_count", "regular cashable ticket in", "count", 4, None),
    _m(0x36, "restricted_promo_ticket_in_count", "restricted promo ticket in", "count", 4, None),
    _m(0x37, "non_restricted_promo_ticket_in_count", "non-restricted promo ticket in", "count", 4, None),
    _m(0x38, "cashable_ticket_out_incl_debit_count", "cashable ticket out, incl. debit", "count", 4, None),
    _m(0x39, "restricted_promo_ticket_out_count", "restricted promo ticket out", "count", 4, None),
    _m(0x3E, "bills_currently_in_stacker_count", "bills currently in stacker", "count", 4, 0x49, monotonic=False),
    _m(0x3F, "value_of_bills_currently_in_stacker", "value of bills currently in stacker", "credits", 4, 0x4A, monotonic=False),
    _m(0x40, "bills_accepted_value_1_count", "bills accepted, value 1", "count", 4, 0x31),
    _m(0x41, "bills_accepted_value_2_count", "bills accepted, value 2", "count", 4, 0x32),
    _m(0x42, "bills_accepted_value_5_count", "bills accepted, value 5", "count", 4, 0x33),
    _m(0x43, "bills_accepted_value_10_count", "bills accepted, value 10", "count", 4, 0x34),
    _m(0x44, "bills_accepted_value_20_count", "bills accepted, value 20", "count", 4, 0x35),
    _m(0x45, "bills_accepted_value_25_count", "bills accepted, value 25", "count", 4, 0x3B),
    _m(0x46, "bills_accepted_value_50_count", "bills accepted, value 50", "count", 4, 0x36),
    _m(0x47, "bills_accepted_value_100_count", "bills accepted, value 100", "count", 4, 0x37),
    _m(0x48, "bills_accepted_value_200_count", "bills accepted, value 200", "count", 4, 0x3A),
    _m(0x49, "bills_accepted_value_250_count", "bills accepted, value 250", "count", 4, 0x45),
    _m(0x4A, "bills_accepted_value_500_count", "bills accepted, value 500", "count", 4, 0x38),
    _m(0x4B, "bills_accepted_value_1_000_count", "bills accepted, value 1 000", "count", 4, 0x39),
    _m(0x4C, "bills_accepted_value_2_000_count", "bills accepted, value 2 000", "count", 4, 0x3C),
    _m(0x4D, "bills_accepted_value_2_500_count", "bills accepted, value 2 500", "count", 4, 0x3E),
    _m(0x4E, "bills_accepted_value_5_000_count", "bills accepted, value 5 000", "count", 4, 0x3F),
    _m(0x4F, "bills_accepted_value_10_000_count", "bills accepted, value 10 000", "count", 4, 0x40),
    _m(0x50, "bills_accepted_value_20_000_count", "bills accepted, value 20 000", "count", 4, 0x41),
    _m(0x51, "bills_accepted_value_25_000_count", "bills accepted, value 25 000", "count", 4, 0x42),
    _m(0x52, "bills_accepted_value_50_000_count", "bills accepted, value 50 000", "count", 4, 0x43),
    _m(0x53, "bills_accepted_value_100_000_count", "bills accepted, value 100 000", "count", 4, 0x44),
    _m(0x54, "bills_accepted_value_200_000_count", "bills accepted, value 200 000", "count", 4, None),
    _m(0x55, "bills_accepted_value_250_000_count", "bills accepted, value 250 000", "count", 4, None),
    _m(0x56, "bills_accepted_value_500_000_count", "bills accepted, value 500 000", "count", 4, None),
    _m(0x57, "bills_accepted_value_1_000_000_count", "bills accepted, value 1 000 000", "count", 4, None),
    _m(0x58, "credits_from_bills_to_drop", "credits from bills to drop", "credits", 4, None),
    _m(0x59, "bills_to_drop_value_1_count", "bills to drop, value 1", "count", 4, None),
    _m(0x5A, "bills_to_drop_value_2_count", "bills to drop, value 2", "count", 4, None),
    _m(0x5B, "bills_to_drop_value_5_count", "bills to drop, value 5", "count", 4, None),
    _m(0x5C, "bills_to_drop_value_10_count", "bills to drop, value 10", "count", 4, None),
    _m(0x5D, "bills_to_drop_value_20_count", "bills to drop, value 20", "count", 4, None),
    _m(0x5E, "bills_to_drop_value_50_count", "bills to drop, value 50", "count", 4, None),
    _m(0x5F, "bills_to_drop_value_100_count", "bills to drop, value 100", "count", 4, None),
    _m(0x60, "bills_to_drop_value_200_count", "bills to drop, value 200", "count", 4, None),
    _m(0x61, "bills_to_drop_value_500_count", "bills to drop, value 500", "count", 4, None),
    _m(0x62, "bills_to_drop_value_1_000_count", "bills to drop, value 1 000", "count", 4, None),
    _m(0x63, "credits_from_bills_diverted_to_hopper", "credits from bills diverted to hopper (recycler)", "credits", 4, None),
    _m(0x64, "bills_diverted_to_hopper_value_1_count", "bills diverted to hopper, value 1", "count", 4, None),
    _m(0x65, "bills_diverted_to_hopper_value_2_count", "bills diverted to hopper, value 2", "count", 4, None),
    _m(0x66, "bills_diverted_to_hopper_value_5_count", "bills diverted to hopper, value 5", "count", 4, None),
    _m(0x67, "bills_diverted_to_hopper_value_10_count", "bills diverted to hopper, value 10", "count", 4, None),
    _m(0x68, "bills_diverted_to_hopper_value_20_count", "bills diverted to hopper, value 20", "count", 4, None),
    _m(0x69, "bills_diverted_to_hopper_value_50_count", "bills diverted to hopper, value 50", "count", 4, None),
    _m(0x6A, "bills_diverted_to_hopper_value_100_count", "bills diverted to hopper, value 100", "count", 4, None),
    _m(0x6B, "bills_diverted_to_hopper_value_200_count", "bills diverted to hopper, value 200", "count", 4, None),
    _m(0x6C, "bills_diverted_to_hopper_value_500_count", "bills diverted to hopper, value 500", "count", 4, None),
    _m(0x6D, "bills_diverted_to_hopper_value_1_000_count", "bills diverted to hopper, value 1 000", "count", 4, None),
    _m(0x6E, "credits_from_bills_dispensed_from_hopper", "credits from bills dispensed from hopper", "credits", 4, None),
    _m(0x6F, "bills_dispensed_from_hopper_value_1_count", "bills dispensed from hopper, value 1", "count", 4, None),
    _m(0x70, "bills_dispensed_from_hopper_value_2_count", "bills dispensed from hopper, value 2", "count", 4, None),
    _m(0x71, "bills_dispensed_from_hopper_value_5_count", "bills dispensed from hopper, value 5", "count", 4, None),
    _m(0x72, "bills_dispensed_from_hopper_value_10_count", "bills dispensed from hopper, value 10", "count", 4, None),
    _m(0x73, "bills_dispensed_from_hopper_value_20_count", "bills dispensed from hopper, value 20", "count", 4, None),
    _m(0x74, "bills_dispensed_from_hopper_value_50_count", "bills dispensed from hopper, value 50", "count", 4, None),
    _m(0x75, "bills_dispensed_from_hopper_value_100_count", "bills dispensed from hopper, value 100", "count", 4, None),
    _m(0x76, "bills_dispensed_from_hopper_value_200_count", "bills dispensed from hopper, value 200", "count", 4, None),
    _m(0x77, "bills_dispensed_from_hopper_value_500_count", "bills dispensed from hopper, value 500", "count", 4, None),
    _m(0x78, "bills_dispensed_from_hopper_value_1_000_count", "bills dispensed from hopper, value 1 000", "count", 4, None),
    _m(0x7F, "weighted_average_theoretical_payback", "weighted average theoretical payback", "percent", 4, None, monotonic=False),
    _m(0x80, "regular_cashable_ticket_in_cents", "regular cashable ticket in", "cents", 5, None),
    _m(0x81, "regular_cashable_ticket_in_count_81", "regular cashable ticket in", "count", 4, None),
    _m(0x82, "restricted_ticket_in_cents", "restricted ticket in", "cents", 5, None),
    _m(0x83, "restricted_ticket_in_count", "restricted ticket in", "count", 4, None),
    _m(0x84, "non_restricted_ticket_in_cents", "non-restricted ticket in", "cents", 5, None),
    _m(0x85, "non_restricted_ticket_in_count", "non-restricted ticket in", "count", 4, None),
    _m(0x86, "regular_cashable_ticket_out_cents", "regular cashable ticket out", "cents", 5, None),
    _m(0x87, "regular_cashable_ticket_out_count", "regular cashable ticket out", "count", 4, None),
    _m(0x88, "restricted_ticket_out_cents", "restricted ticket out", "cents", 5, None),
    _m(0x89, "restricted_ticket_out_count", "restricted ticket out", "count", 4, None),
    _m(0x8A, "debit_ticket_out_cents", "debit ticket out", "cents", 5, None),
    _m(0x8B, "debit_ticket_out_count", "debit ticket out", "count", 4, None),
    _m(0x8C, "validated_cancelled_credit_handpay_receipt_printed_cents", "validated cancelled-credit handpay, receipt printed", "cents", 5, None),
    _m(0x8D, "validated_cancelled_credit_handpay_receipt_printed_count", "validated cancelled-credit handpay, receipt printed", "count", 4, None),
    _m(0x8E, "validated_jackpot_handpay_receipt_printed_cents", "validated jackpot handpay, receipt printed", "cents", 5, None),
    _m(0x8F, "validated_jackpot_handpay_receipt_printed_count", "validated jackpot handpay, receipt printed", "count", 4, None),
    _m(0x90, "validated_cancelled_credit_handpay_no_receipt_cents", "validated cancelled-credit handpay, no receipt", "cents", 5, None),
    _m(0x91, "validated_cancelled_credit_handpay_no_receipt_count", "validated cancelled-credit handpay, no receipt", "count", 4, None),
    _m(0x92, "validated_jackpot_handpay_no_receipt_cents", "validated jackpot handpay, no receipt", "cents", 5, None),
    _m(0x93, "validated_jackpot_handpay_no_receipt_count", "validated jackpot handpay, no receipt", "count", 4, None),
    _m(0xA0, "in_house_cashable_transfers_to_machine_cents", "in-house cashable transfers to machine", "cents", 5, None),
    _m(0xA1, "in_house_cashable_transfers_to_machine_count", "in-house cashable transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xA2, "in_house_restricted_transfers_to_machine_cents", "in-house restricted transfers to machine", "cents", 5, None),
    _m(0xA3, "in_house_restricted_transfers_to_machine_count", "in-house restricted transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xA4, "in_house_non_restricted_transfers_to_machine_cents", "in-house non-restricted transfers to machine", "cents", 5, None),
    _m(0xA5, "in_house_non_restricted_transfers_to_machine_count", "in-house non-restricted transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xA6, "debit_transfers_to_machine_cents", "debit transfers to machine", "cents", 5, None),
    _m(0xA7, "debit_transfers_to_machine_count", "debit transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xA8, "in_house_cashable_transfers_to_ticket_cents", "in-house cashable transfers to ticket", "cents", 5, None),
    _m(0xA9, "in_house_cashable_transfers_to_ticket_count", "in-house cashable transfers to ticket (transfers that included it)", "count", 4, None),
    _m(0xAA, "in_house_restricted_transfers_to_ticket_cents", "in-house restricted transfers to ticket", "cents", 5, None),
    _m(0xAB, "in_house_restricted_transfers_to_ticket_count", "in-house restricted transfers to ticket (transfers that included it)", "count", 4, None),
    _m(0xAC, "debit_transfers_to_ticket_cents", "debit transfers to ticket", "cents", 5, None),
    _m(0xAD, "debit_transfers_to_ticket_count", "debit transfers to ticket (transfers that included it)", "count", 4, None),
    _m(0xAE, "bonus_cashable_transfers_to_machine_cents", "bonus cashable transfers to machine", "cents", 5, None),
    _m(0xAF, "bonus_cashable_transfers_to_machine_count", "bonus cashable transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xB0, "bonus_non_restricted_transfers_to_machine_cents", "bonus non-restricted transfers to machine", "cents", 5, None),
    _m(0xB1, "bonus_non_restricted_transfers_to_machine_count", "bonus non-restricted transfers to machine (transfers that included it)", "count", 4, None),
    _m(0xB8, "in_house_cashable_transfers_to_host_cents", "in-house cashable transfers to host", "cents", 5, None),
    _m(0xB9, "in_house_cashable_transfers_to_host_count", "in-house cashable transfers to host (transfers that included it)", "count", 4, None),
    _m(0xBA, "in_house_restricted_transfers_to_host_cents", "in-house restricted transfers to host", "cents", 5, None),
    _m(0xBB, "in_house_restricted_transfers_to_host_count", "in-house restricted transfers to host (transfers that included it)", "count", 4, None),
    _m(0xBC, "in_house_non_restricted_transfers_to_host_cents", "in-house non-restricted transfers to host", "cents", 5, None),
    _m(0xBD, "in_house_non_restricted_transfers_to_host_count", "in-house non-restricted transfers to host (transfers that included it)", "count", 4, None),
    _m(0xFA, "regular_cashable_keyed_on_funds", "regular cashable keyed-on funds", "credits", 4, None, version="6.03"),
    _m(0xFB, "restricted_promo_keyed_on_funds", "restricted promo keyed-on funds", "credits", 4, None, version="6.03"),
    _m(0xFC, "non_restricted_promo_keyed_on_funds", "non-restricted promo keyed-on funds", "credits", 4, None, version="6.03"),
    _m(0xFD, "regular_cashable_keyed_off_funds", "regular cashable keyed-off funds", "credits", 4, None, version="6.03"),
    _m(0xFE, "restricted_promo_keyed_off_funds", "restricted promo keyed-off funds", "credits", 4, None, version="6.03"),
    _m(0xFF, "non_restricted_promo_keyed_off_funds", "non-restricted promo keyed-off funds", "credits", 4, None, version="6.03"),
)


def _by_code() -> Mapping[int, MeterCode]:
    table: dict[int, MeterCode] = {}
    for row in _ROWS:
        if row.code in table:
            raise ValueError(f"meter {row.code:02X} stands twice in the table")
        table[row.code] = row
    return table


METERS: Mapping[int, MeterCode] = _by_code()
MIN_SIZES: Mapping[int, int] = {code: row.min_size for code, row in METERS.items() if code <= 0xFF}
"""Bytes of each meter in a 2F answer, where no size travels."""
