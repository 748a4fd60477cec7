"""English words for the choices of the catalogue whose own word is no English: those with an underscore in it."""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    # doors
    "card_cage": "logic area",
    # faults and devices
    "bad_checksum": "wrong check sum", "bad_device": "defective device", "carriage_jam": "carriage jam",
    "cmos_ram": "CMOS RAM", "data_error": "data error", "eeprom": "EEPROM", "eprom": "EPROM",
    "extra_paid": "coin paid too many", "in_tilt": "coin in", "not_recovered": "not recovered",
    "out_tilt": "coin out", "paper_low": "paper low", "paper_out": "paper out",
    "partitioned_eprom": "partitioned EPROM", "reverse_in": "coin came in backwards",
    # reasons and causes
    "after_clear": "after the memory was cleared", "before_clear": "before the memory is cleared",
    "corrupt_read": "corrupt reading", "day_end": "end of the gaming day", "link_up": "machine answers again",
    "no_answer": "no answer", "no_record": "no record", "no_serial": "no serial number", "ram_clear": "memory cleared",
    "replies_lost": "replies lost", "tail_lost": "end of the log lost", "three_tries": "three tries without an answer",
    "made": "made and checked",
    "not_made": "not made",
    "unclean_stop": "stop that was not clean",
    "answer_in_doubt": "an answer in doubt", "chirp_may_have_acknowledged": "a chirp may have acknowledged",
    "still_without_answer": "still no answer", "went_on_without_answer": "went on without an answer",
    # stages and results
    "cash_out_requested": "cash-out requested", "game_locked": "game locked", "games_will_change": "games will change",
    "handpay_validated": "handpay validated", "meters_will_be_cleared": "meters will be cleared",
    "nothing_pending": "nothing pending", "other_level_hit": "level of another kind hit",
    "registration_acknowledged": "registration acknowledged", "registration_cancelled": "registration cancelled",
    "registration_requested": "registration requested", "sas_level_hit": "level hit",
    "transfer_completed": "transfer completed", "validation_requested": "validation requested",
    "win_cash_out_requested": "cash-out of a win requested", "win_paid": "win paid",
    # amounts and hopper
    "cancelled_credits": "cancelled credits", "coin_jam": "coin jam", "coin_too_short": "coin too short",
    "flooded_optics": "flooded optics", "optics_disconnected": "optics disconnected", "reverse_coin": "reverse coin",
    # what meters are held against each other for, and play
    "minor": "smallest units of money", "new_range": "begun anew", "card_held": "card held", "reel_stopped": "reel stopped",
}  # fmt: skip
"Word of the catalogue -> what is read instead."
