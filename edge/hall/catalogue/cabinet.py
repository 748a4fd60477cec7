"""Events of the cabinet: doors, power, faults, memory, devices, menus. Each is made by a SAS exception.

An alarm and the event that ends it travel alike, so that central does not show a closed door as open through a backlog.
Which code makes which kind is said in `edge.hall.exceptions`.
"""

from edge.hall.catalogue.kind import EventKind, sas
from edge.hall.devices import DOORS
from edge.hall.shapes import boolean, choice, integer

_GAME = integer(0, 9999, about="0: the menu")
_DOOR = {"door": choice(*DOORS, about="card_cage is the logic area")}

DOOR_KINDS: tuple[EventKind, ...] = (
    sas("door.opened", "Door opened", "Machine {asset}: {door} door opened", "door",
        priority="alarm", live="door", required=_DOOR),
    sas("door.closed", "Door closed", "Machine {asset}: {door} door closed", "door",
        priority="high", live="door", required=_DOOR),
    sas("door.accessed_unpowered", "Door opened while the power was off",
        "Machine {asset}: {door} door was opened while the power was off", "door",
        priority="alarm", live="door", required=_DOOR),
    sas("cashbox.removed", "Cashbox removed", "Machine {asset}: cashbox removed", "door",
        priority="alarm", live="door"),
    sas("cashbox.installed", "Cashbox installed", "Machine {asset}: cashbox installed", "door",
        priority="high", live="door"),
)  # fmt: skip

FAULT_KINDS: tuple[EventKind, ...] = (
    sas("power.lost", "Power lost", "Machine {asset}: power lost", "fault", priority="alarm", live="fault"),
    sas("power.applied", "Power applied", "Machine {asset}: power applied", "fault", priority="high", live="fault"),
    sas("tilt.raised", "Tilt", "Machine {asset}: tilt", "fault", priority="alarm", live="fault"),
    sas("coin.faulted", "Coin fault", "Machine {asset}: coin fault ({fault})", "fault",
        priority="alarm", live="fault",
        required={"fault": choice("in_tilt", "out_tilt", "extra_paid", "diverter", "reverse_in", "lockout")}),
    sas("hopper.level", "Hopper level", "Machine {asset}: hopper {level}", "fault",
        priority="high", live="fault", required={"level": choice("empty", "low", "full")}),
    sas("reel.faulted", "Reel fault", "Machine {asset}: reel fault ({fault})", "fault",
        priority="alarm", live="fault", required={"fault": choice("tilt", "disconnected")},
        optional={"reel": integer(1, 5, about="absent: the machine did not say which")}),
    sas("cashbox.level", "Cashbox level", "Machine {asset}: bill acceptor needs attention", "fault",
        priority="high", live="fault", required={"level": choice("near_full", "full")}),
    sas("bill.acceptor.faulted", "Bill acceptor fault", "Machine {asset}: bill acceptor fault ({fault})", "fault",
        priority="alarm", live="fault", required={"fault": choice("jam", "hardware")}),
    sas("bill.acceptor.changed", "Bill acceptor version changed",
        "Machine {asset}: another version of bill acceptor", "fault", priority="high", live="fault"),
    sas("bill.rejected", "Bill rejected", "Machine {asset}: bill rejected ({reason})", "fault",
        required={"reason": choice("rejected", "reversed")}),
    sas("bill.counterfeit", "Counterfeit bill", "Machine {asset}: counterfeit bill detected", "fault",
        priority="alarm", live="fault"),
    sas("memory.faulted", "Memory fault", "Machine {asset}: memory fault ({device}, {fault})", "fault",
        priority="alarm", live="fault",
        required={
            "device": choice("cmos_ram", "eeprom", "eprom", "partitioned_eprom"),
            "fault": choice("recovered", "not_recovered", "bad_device", "data_error", "bad_checksum"),
        }),
    sas("software.changed", "Game software changed", "Machine {asset}: game software changed ({device})", "fault",
        priority="alarm", live="fault", required={"device": choice("eprom", "partitioned_eprom")}),
    sas("memory.reset", "Memory error reset", "Machine {asset}: memory error reset by hand", "fault",
        priority="alarm", live="fault"),
    sas("battery.low", "Backup battery low", "Machine {asset}: backup battery low", "fault",
        priority="alarm", live="fault"),
    sas("components.changed", "Component list changed", "Machine {asset}: component list changed", "fault",
        priority="alarm", live="fault"),
    sas("authentication.completed", "Authentication complete", "Machine {asset}: authentication complete", "fault",
        priority="high", live="fault"),
    sas("printer.faulted", "Printer fault", "Machine {asset}: printer fault ({fault})", "fault",
        priority="alarm", live="fault",
        required={"fault": choice("communication", "paper_out", "paper_low", "ribbon", "carriage_jam")}),
    sas("printer.power", "Printer power", "Machine {asset}: printer power {power}", "fault",
        priority="high", live="fault", required={"power": choice("on", "off")}),
    sas("out_of_service", "Out of service", "Machine {asset}: taken out of service by an attendant", "fault",
        priority="alarm", live="fault"),
    sas("exceptions.lost", "Exceptions lost", "Machine {asset}: its event buffer ran over, events are lost", "fault",
        priority="alarm", live="fault"),
    sas("exception.unknown", "Unknown exception",
        "Machine {asset}: exception {sas_exception} is not in the catalogue", "fault",
        priority="high", live="fault"),
)  # fmt: skip

SERVICE_KINDS: tuple[EventKind, ...] = (
    sas("options.changed", "Options changed", "Machine {asset}: operator changed options", "system",
        priority="high", live="system"),
    sas("games.changed", "Enabled games changed", "Machine {asset}: enabled games or denominations changed", "system",
        priority="high", live="system"),
    sas("lamp.changed", "Attendant lamp", "Machine {asset}: attendant lamp {lamp}", "system",
        shed="coalesce", required={"lamp": choice("on", "off")}),
    sas("menu.entered", "Menu entered", "Machine {asset}: {menu} menu entered", "system",
        priority="high", live="system", required={"menu": choice("attendant", "operator")}),
    sas("menu.left", "Menu left", "Machine {asset}: {menu} menu left", "system",
        priority="high", live="system", required={"menu": choice("attendant", "operator")}),
    sas("recall.displayed", "Game recall displayed", "Machine {asset}: game recall displayed", "system",
        optional={"game": _GAME, "entry": integer(0, 9999, about="which of the last games")}),
    sas("session.started", "Session started", "Machine {asset}: session started", "system"),
    sas("session.ended", "Session ended", "Machine {asset}: session ended", "system"),
)  # fmt: skip

PLAY_KINDS: tuple[EventKind, ...] = (
    sas("game.started", "Game started", "Machine {asset}: game started", "play", priority="low", shed="drop_first",
        optional={
            "wagered": integer(0, 9999, about="credits"),
            "coin_in": integer(0, 99_999_999, about="total coin in after it, credits, the last eight digits"),
            "wager_type": integer(0, 255, about="as the machine told it"),
            "progressive_group": integer(0, 255),
        }),
    sas("game.ended", "Game ended", "Machine {asset}: game ended", "play", priority="low", shed="drop_first",
        optional={"win": integer(0, 99_999_999, about="credits, without bonus")}),
    sas("game.selected", "Game selected", "Machine {asset}: game selected", "play", priority="low", shed="drop_first",
        optional={"game": _GAME}),
    sas("play.noticed", "Play", "Machine {asset}: play ({act})", "play", priority="low", shed="drop_first",
        required={"act": choice("draw", "reel_stopped", "wagered", "card_held")},
        optional={
            "reel": integer(0, 255),
            "stop": integer(0, 255, about="position at which it stopped"),
            "card": integer(0, 127),
            "held": boolean(about="false: let go"),
        }),
)  # fmt: skip
