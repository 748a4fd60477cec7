"""A scan and a probe as they come from a wire, for those who carry and show them."""

from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.meters import MeterReading, MetersRead
from protocols.sas.conversations.probe import Probed, Said
from protocols.sas.scanned import Damaged, Exceptional, Heard, Scanned

INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 2, "max_bet": 5, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip

SCANNED = Scanned(
    found=(
        Heard(1, chirps=9, info=INFO, serial={"version": "602", "serial": "XA-1234"}, answers=2),
        Heard(4, damages=4, damaged=[Damaged("bad-crc", b"\x04\x1f\x41")]),
        Heard(7, answers=1, exceptions=[Exceptional(0x11, True)]),
        Heard(9, chirps=8),
    ),
    silent=tuple(address for address in range(1, 120) if address not in (1, 4, 7, 9)),
    unasked=tuple(range(120, 128)),
    listened=True,
    general_polls=False,
    echo=True,
    strays=3,
    took_s=20.125,
    stopped=True,
)

PROBED = Probed(
    said=(
        Said(0x54, None, {"version": "602", "serial": "XA-1234"}),
        Said(0x1F, None, INFO),
        Said(0xA0, 0, {"game": 0, "features": bytes.fromhex("a0 8a 01 00 00 00")}),
        Said(0x51, None, {"games": 2}),
        Said(0xB2, None, {"denominations": (2, 0x0D)}),
        Said(0x7E, None, {"date": "11242026", "time": "020730"}),
        Said(0x48, None, {"country": 37, "denomination": 0x04, "count": 12}),
        Said(0x4F, None, {"status": 4, "percent": 20, "level": 340}),
        Said(0x53, 1, {"game": 1, **INFO}),
    ),
    unsupported=((0x8E, None), (0xB5, 0)),
    refused=((0xA4, 0),),
    unread=((0x8F, None),),
    meters=MetersRead(
        readings=(MeterReading(0, None, 0x00, 9, 123_456_789_012_345_678), MeterReading(0, None, 0x7F, 4, 9250)),
        unsupported=tuple((0, code) for code in METERS if code > 0x7F),
        unread=((0, 0x02),),
        coherent=False,
    ),
    games_left_out=3,
)
