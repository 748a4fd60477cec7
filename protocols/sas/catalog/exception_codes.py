"""Every exception of the standard: code, name, class, and what its real-time frame carries.

Class: P priority (reported before anything queued), Q queued, Q/P priority when its function is configured. Source:
sas-core 7 (class from one maker's constants, meanings from three and more). Codes without a row are reserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocols.sas.fields import Bcd, Binary, Field

ExceptionClass: TypeAlias = Literal["P", "Q", "Q/P", "-"]


@dataclass(frozen=True, slots=True)
class ExceptionCode:
    """One exception."""

    code: int
    slug: str
    name: str
    klass: ExceptionClass
    "-: says that nothing happened, or reserved."
    rte_bytes: int
    "Data bytes after the code in a real-time event frame, which has no length byte."
    version: str
    "The standard's version that brought it, where that is later than 6.02."
    certain: bool
    "False: one source only (confidence C): decode it, never generate it by default."
    source: str = "sas-core 7"


_GAME = Bcd("game", 4)
RTE_FIELDS: Mapping[int, tuple[Field, ...]] = {
    0x4F: (Bcd("country", 2), Binary("denomination"), Bcd("count", 8, "count")),
    0x7C: (Binary("multiplier"), Bcd("multiplied_win", 8), Binary("tax_status"), Bcd("bonus", 8)),
    0x7E: (Bcd("wagered", 4, "credits"), Bcd("coin_in", 8, "credits"), Binary("wager_type"), Binary("progressive_group")),
    0x7F: (Bcd("win", 8, "credits"),),
    0x88: (Binary("reel"), Binary("stop")),
    0x8A: (_GAME, Bcd("index", 4)),
    0x8B: (Binary("card"),),
    0x8C: (_GAME,),
}
"""What follows the code in a real-time event frame (sas-core 6.1; 4F, 7E, 7F, 8C certain, the rest from two sources).

``denomination`` of 4F is kept as it came, as in 48. ``win`` is without bonus. ``card``: bit 7 set, held. Game 0: the menu.
"""
RTE_BYTES: Mapping[int, int] = {code: sum(one.size or 0 for one in fields) for code, fields in RTE_FIELDS.items()}
RTE_ONLY = frozenset({0x87, 0x88, 0x89, 0x8B})
"""Only in real-time event mode."""
NOT_IN_RTE = frozenset({*range(0x47, 0x4F), 0x50})
"""In real-time event mode 4F with data stands for these."""

IDLE_CODES = (0x00, 0x1F)
"""No activity; 1F is the older form, still sent by some machines."""

PRIORITY_ORDER = (
    0x57, 0x67, 0x68, 0x3F, 0x6A, 0x6B, 0x6F, 0x56, 0x3D, 0x3E, 0x69, 0x6C, 0x6D, 0x52, 0x51, 0x8F, 0x70,
)  # fmt: skip
"""Order in which one maker's machine serves simultaneous priority exceptions; C as an exact order (sas-core 7)."""


def _e(
    code: int, slug: str, name: str, klass: ExceptionClass, *, version: str = "", certain: bool = True
) -> ExceptionCode:
    return ExceptionCode(code, slug, name, klass, RTE_BYTES.get(code, 0), version, certain)


_ROWS: tuple[ExceptionCode, ...] = (
    _e(0x00, "no_activity", "no activity", "-"),
    _e(0x11, "slot_door_opened", "slot door opened", "Q"),
    _e(0x12, "slot_door_closed", "slot door closed", "Q"),
    _e(0x13, "drop_door_opened", "drop door opened", "Q"),
    _e(0x14, "drop_door_closed", "drop door closed", "Q"),
    _e(0x15, "card_cage_opened", "card cage (logic area) opened", "Q"),
    _e(0x16, "card_cage_closed", "card cage closed", "Q"),
    _e(0x17, "ac_power_applied", "AC power applied", "Q"),
    _e(0x18, "ac_power_lost", "AC power lost", "Q"),
    _e(0x19, "cashbox_door_opened", "cashbox door opened", "Q"),
    _e(0x1A, "cashbox_door_closed", "cashbox door closed", "Q"),
    _e(0x1B, "cashbox_removed", "cashbox removed", "Q"),
    _e(0x1C, "cashbox_installed", "cashbox installed", "Q"),
    _e(0x1D, "belly_door_opened", "belly door opened", "Q"),
    _e(0x1E, "belly_door_closed", "belly door closed", "Q"),
    _e(0x1F, "no_activity_waiting", "no activity, waiting for player input (obsolete, still sent)", "-"),
    _e(0x20, "general_tilt", "general tilt", "Q"),
    _e(0x21, "coin_in_tilt", "coin in tilt", "Q"),
    _e(0x22, "coin_out_tilt", "coin out tilt", "Q"),
    _e(0x23, "hopper_empty", "hopper empty", "Q"),
    _e(0x24, "extra_coin_paid", "extra coin paid", "Q"),
    _e(0x25, "diverter_malfunction", "diverter malfunction", "Q"),
    _e(0x26, "player_initiated_cash_out", "player-initiated cash-out (old versions only, SASTEST)", "Q", certain=False),
    _e(0x27, "cashbox_full", "cashbox full", "Q"),
    _e(0x28, "bill_jam", "bill jam", "Q"),
    _e(0x29, "bill_acceptor_hardware_failure", "bill acceptor hardware failure", "Q"),
    _e(0x2A, "reverse_bill_detected", "reverse bill detected", "Q"),
    _e(0x2B, "bill_rejected", "bill rejected", "Q"),
    _e(0x2C, "counterfeit_bill_detected", "counterfeit bill detected", "Q"),
    _e(0x2D, "reverse_coin_in_detected", "reverse coin in detected", "Q"),
    _e(0x2E, "cashbox_near_full", "cashbox near full", "Q"),
    _e(0x2F, "bill_acceptor_version_changed", "bill acceptor version changed", "Q", version="6.03", certain=False),
    _e(0x31, "cmos_ram_error_data_recovered_from_eeprom", "CMOS RAM error, data recovered from EEPROM", "Q"),
    _e(0x32, "cmos_ram_error_no_data_recovered", "CMOS RAM error, no data recovered", "Q"),
    _e(0x33, "cmos_ram_error_bad_device", "CMOS RAM error, bad device", "Q"),
    _e(0x34, "eeprom_error_data_error", "EEPROM error, data error", "Q"),
    _e(0x35, "eeprom_error_bad_device", "EEPROM error, bad device", "Q"),
    _e(0x36, "eprom_error_different_checksum", "EPROM error, different checksum (version changed)", "Q"),
    _e(0x37, "eprom_error_bad_checksum", "EPROM error, bad checksum", "Q"),
    _e(0x38, "partitioned_eprom_checksum_changed", "partitioned EPROM, checksum changed", "Q"),
    _e(0x39, "partitioned_eprom_bad_checksum", "partitioned EPROM, bad checksum", "Q"),
    _e(0x3A, "memory_error_reset_by_self_test_switch", "memory error reset by self-test switch", "Q"),
    _e(0x3B, "low_backup_battery", "low backup battery", "Q"),
    _e(0x3C, "operator_changed_options", "operator changed options (denomination, address, anything affecting 1F, 53, 54, 56, A0, B2, B3, B4, B5)", "Q"),
    _e(0x3D, "cash_out_ticket_printed", "cash out ticket printed", "Q/P"),
    _e(0x3E, "handpay_validated", "handpay validated", "Q/P"),
    _e(0x3F, "validation_id_not_configured", "validation ID not configured", "P"),
    _e(0x40, "reel_tilt_reel_not_specified", "reel tilt, reel not specified", "Q"),
    _e(0x41, "reel_1_tilt", "reel 1 tilt", "Q"),
    _e(0x42, "reel_2_tilt", "reel 2 tilt", "Q"),
    _e(0x43, "reel_3_tilt", "reel 3 tilt", "Q"),
    _e(0x44, "reel_4_tilt", "reel 4 tilt", "Q"),
    _e(0x45, "reel_5_tilt", "reel 5 tilt", "Q"),
    _e(0x46, "reel_mechanism_disconnected", "reel mechanism disconnected", "Q"),
    _e(0x47, "1_bill_accepted", "$1 bill accepted (not in RTE)", "Q"),
    _e(0x48, "5_bill_accepted", "$5 bill accepted (not in RTE)", "Q"),
    _e(0x49, "10_bill_accepted", "$10 bill accepted (not in RTE)", "Q"),
    _e(0x4A, "20_bill_accepted", "$20 bill accepted (not in RTE)", "Q"),
    _e(0x4B, "50_bill_accepted", "$50 bill accepted (not in RTE)", "Q"),
    _e(0x4C, "100_bill_accepted", "$100 bill accepted (not in RTE)", "Q"),
    _e(0x4D, "2_bill_accepted", "$2 bill accepted (not in RTE)", "Q"),
    _e(0x4E, "500_bill_accepted", "$500 bill accepted (not in RTE)", "Q"),
    _e(0x4F, "bill_accepted", "bill accepted (any other, or RTE)", "Q"),
    _e(0x50, "200_bill_accepted", "$200 bill accepted (not in RTE)", "Q"),
    _e(0x51, "handpay_pending", "handpay pending", "Q/P"),
    _e(0x52, "handpay_was_reset", "handpay was reset", "Q/P"),
    _e(0x53, "no_progressive_information_for_5_s", "no progressive information for 5 s", "Q"),
    _e(0x54, "progressive_win_paid_to_credit_meter_cash_out_device", "progressive win paid to credit meter/cash-out device", "Q"),
    _e(0x55, "player_cancelled_the_handpay_request", "player cancelled the handpay request", "Q/P"),
    _e(0x56, "sas_progressive_level_hit", "SAS progressive level hit", "P"),
    _e(0x57, "system_validation_request", "system validation request", "P"),
    _e(0x58, "reserved_58", "reserved", "-"),
    _e(0x59, "non_sas_progressive_level_hit", "non-SAS progressive level hit", "Q", version="6.03"),
    _e(0x5A, "jackpot_handpay_keyed_off_to_machine_pay", "jackpot handpay keyed off to machine pay", "Q", version="6.03"),
    _e(0x5F, "tip_awarded", "tip awarded", "Q", version="6.03", certain=False),
    _e(0x60, "printer_communication_error", "printer communication error", "Q"),
    _e(0x61, "printer_paper_out", "printer paper out", "Q"),
    _e(0x65, "cash_out_win_to_system_request", "cash out win to system request (old versions only, SASTEST)", "Q", certain=False),
    _e(0x66, "cash_out_button_pressed", "cash out button pressed", "Q"),
    _e(0x67, "ticket_inserted", "ticket inserted", "P"),
    _e(0x68, "ticket_transfer_complete", "ticket transfer complete", "P"),
    _e(0x69, "aft_transfer_complete", "AFT transfer complete", "P"),
    _e(0x6A, "aft_request_for_host_cash_out", "AFT request for host cash-out", "P"),
    _e(0x6B, "aft_request_for_host_to_cash_out_win", "AFT request for host to cash out win", "P"),
    _e(0x6C, "aft_request_to_register", "AFT request to register", "P"),
    _e(0x6D, "aft_registration_acknowledged", "AFT registration acknowledged", "P"),
    _e(0x6E, "aft_registration_cancelled", "AFT registration cancelled", "Q"),
    _e(0x6F, "game_locked", "game locked", "P"),
    _e(0x70, "exception_buffer_overflow", "exception buffer overflow", "P"),
    _e(0x71, "change_lamp_on", "change (attendant) lamp on", "Q"),
    _e(0x72, "change_lamp_off", "change lamp off", "Q"),
    _e(0x73, "game_reset_during_payout", "game reset during payout (old versions only, SASTEST)", "Q", certain=False),
    _e(0x74, "printer_paper_low", "printer paper low", "Q"),
    _e(0x75, "printer_power_off", "printer power off", "Q"),
    _e(0x76, "printer_power_on", "printer power on", "Q"),
    _e(0x77, "replace_printer_ribbon", "replace printer ribbon", "Q"),
    _e(0x78, "printer_carriage_jammed", "printer carriage jammed", "Q"),
    _e(0x79, "coin_in_lockout_malfunction", "coin in lockout malfunction (coin accepted while disabled)", "Q"),
    _e(0x7A, "meters_reset", "soft (lifetime-to-date) meters reset to zero", "Q"),
    _e(0x7B, "bill_totals_reset", "bill validator (period) totals reset by attendant", "Q"),
    _e(0x7C, "legacy_bonus_paid_and_or_multiplied_jackpot", "legacy bonus paid and/or multiplied jackpot", "Q"),
    _e(0x7E, "game_started", "game started", "Q"),
    _e(0x7F, "game_ended", "game ended", "Q"),
    _e(0x80, "hopper_full", "hopper full", "Q"),
    _e(0x81, "hopper_level_low", "hopper level low", "Q"),
    _e(0x82, "display_meters_attendant_menu_entered", "display meters / attendant menu entered", "Q"),
    _e(0x83, "display_meters_attendant_menu_left", "display meters / attendant menu left", "Q"),
    _e(0x84, "self_test_operator_menu_entered", "self test / operator menu entered", "Q"),
    _e(0x85, "self_test_operator_menu_left", "self test / operator menu left", "Q"),
    _e(0x86, "machine_out_of_service", "machine out of service (attendant)", "Q"),
    _e(0x87, "player_requested_draw_cards", "player requested draw cards (RTE only)", "Q"),
    _e(0x88, "reel_n_stopped", "reel n stopped (RTE only)", "Q"),
    _e(0x89, "coin_credit_wagered", "coin/credit wagered (RTE only, max bet ≤ 10)", "Q"),
    _e(0x8A, "game_recall_entry_displayed", "game recall entry displayed", "Q"),
    _e(0x8B, "card_held_not_held", "card held/not held (RTE only)", "Q"),
    _e(0x8C, "game_selected", "game selected", "Q"),
    _e(0x8D, "reserved_8d", "reserved", "-"),
    _e(0x8E, "component_list_changed", "component list changed", "Q"),
    _e(0x8F, "authentication_complete", "authentication complete", "P"),
    _e(0x98, "power_off_card_cage_access", "power-off card cage access", "Q"),
    _e(0x99, "power_off_slot_door_access", "power-off slot door access", "Q"),
    _e(0x9A, "power_off_cashbox_door_access", "power-off cashbox door access", "Q"),
    _e(0x9B, "power_off_drop_door_access", "power-off drop door access", "Q"),
    _e(0x9E, "session_start", "session start", "Q", version="6.03", certain=False),
    _e(0x9F, "session_end", "session end", "Q", version="6.03", certain=False),
    _e(0xA0, "meter_change_pending", "meter change pending", "Q", version="6.03"),
    _e(0xA1, "meter_change_cancelled", "meter change cancelled", "Q", version="6.03"),
    _e(0xA2, "enabled_games_denominations_changed", "enabled games/denominations changed", "Q", version="6.03"),
)


def _by_code() -> Mapping[int, ExceptionCode]:
    table: dict[int, ExceptionCode] = {}
    for row in _ROWS:
        if row.code in table:
            raise ValueError(f"exception {row.code:02X} stands twice in the table")
        table[row.code] = row
    return table


EXCEPTIONS: Mapping[int, ExceptionCode] = _by_code()
"""By code; 00 and 1F (nothing happened) and the two codes named as reserved are rows too."""
