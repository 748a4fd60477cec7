"""A second reader of SAS frames, written from the text of sas-core alone. It imports nothing of ours, by intention.

It reads with fixed offsets, counted from 1 as the IGT tool counts them, where our codec walks along field words; the
two share the names of values and nothing else. It only decodes, and refuses with ValueError whatever is not a frame.
"""

READ = {
    0x0F, *range(0x10, 0x1D), 0x1E, 0x1F, 0x20, 0x2A, 0x2B, 0x2C, *range(0x31, 0x3D), *range(0x3E, 0x4B), 0x4F,
    0x51, 0x54, 0x55, 0x56, 0x7E, 0x8E, 0x8F, 0xB1, 0xB2, 0xB3,
}  # fmt: skip
"Type R of 5.1: two bytes, no check sum."
REQUEST_SIZE = {
    0x01: 4, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 4, 0x06: 4, 0x07: 4, 0x08: 9, 0x09: 7, 0x0A: 4, 0x0B: 4, 0x0C: 8,
    0x0D: 8, 0x0E: 5,
    0x2D: 6, 0x2E: 6, 0x52: 6, 0x53: 6, 0x7F: 11, 0xA0: 6, 0xA4: 6, 0xAA: 5, 0xB4: 8,
    0xB5: 6, 0xB6: 6,
}  # fmt: skip
"Column req of 5.1, types S and M of fixed length."
REPLY_SIZE = {
    0x0F: 28, 0x18: 8, 0x19: 24, 0x1B: 24, 0x1C: 36, 0x1E: 28, 0x1F: 24, 0x2D: 10, 0x48: 10, 0x51: 6, 0x52: 22, 0x53: 26, 0x55: 6,
    0x7E: 11, 0x8E: 10, 0xA0: 12, 0xA4: 8, 0xB1: 5, 0xB3: 5, 0xB6: 6,
}  # fmt: skip
"Column resp of 5.1; single meters have 8, v means 5 + length byte."
ONLY_ACK = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x2E, 0x7F, 0xAA}
BROADCAST = {0x75, 0x7A, 0x7B, 0x7C, 0x7D, 0x7F, 0x80, 0x86}
"1.6: any other command under address 00 is ignored."

SINGLE = {
    0x10: "cancelled_credits", 0x11: "coin_in", 0x12: "coin_out", 0x13: "drop", 0x14: "jackpot", 0x15: "games_played",
    0x16: "games_won", 0x17: "games_lost", 0x1A: "credits", 0x20: "bills_value", 0x2A: "true_coin_in",
    0x2B: "true_coin_out", 0x2C: "hopper_level", 0x46: "credits_from_bills_accepted",
    0x47: "credits_from_external_coin_acceptor", 0x49: "bills_currently_in_stacker_count",
    0x4A: "value_of_bills_currently_in_stacker",
}  # fmt: skip
BILLS = {
    0x31: "1", 0x32: "2", 0x33: "5", 0x34: "10", 0x35: "20", 0x36: "50", 0x37: "100", 0x38: "500", 0x39: "1_000",
    0x3A: "200", 0x3B: "25", 0x3C: "2_000", 0x3E: "2_500", 0x3F: "5_000", 0x40: "10_000", 0x41: "20_000",
    0x42: "25_000", 0x43: "50_000", 0x44: "100_000", 0x45: "250",
}  # fmt: skip
"Mind the odd order (5.1)."
GROUPS = {
    0x0F: {3: "cancelled_credits", 7: "coin_in", 11: "coin_out", 15: "drop", 19: "jackpot", 23: "games_played"},
    0x19: {3: "coin_in", 7: "coin_out", 11: "drop", 15: "jackpot", 19: "games_played"},
    0x1C: {
        3: "coin_in", 7: "coin_out", 11: "drop", 15: "jackpot", 19: "games_played", 23: "games_won",
        27: "slot_door_opened", 31: "power_reset",
    },
    0x1E: {3: "bills_1", 7: "bills_5", 11: "bills_10", 15: "bills_20", 19: "bills_50", 23: "bills_100"},
}  # fmt: skip
FIVE_BYTES = {
    *range(0x0D, 0x11), *range(0x80, 0x94, 2), *range(0xA0, 0xB2, 2), 0xB8, 0xBA, 0xBC,
}  # fmt: skip
"Column min of section 8."
RESERVED = {*range(0x3A, 0x3E), *range(0x79, 0x7F), *range(0x94, 0xA0), *range(0xB2, 0xB8), *range(0xBE, 0xFA)}


def crc(data):
    """Section 3, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value


def bcd(frame, offset, count):
    """Packed decimal at ``offset`` (from 1), most significant first."""
    number = 0
    for byte in part(frame, offset, count):
        for digit in (byte >> 4, byte & 0x0F):
            if digit > 9:
                raise ValueError(f"digit {digit:X} at {offset}")
            number = number * 10 + digit
    return number


def binary(frame, offset, count):
    """Low byte first."""
    return sum(byte << 8 * place for place, byte in enumerate(part(frame, offset, count)))


def text(frame, offset, count):
    return part(frame, offset, count).decode("ascii")


def part(frame, offset, count):
    found = frame[offset - 1 : offset - 1 + count]
    if len(found) != count:
        raise ValueError(f"{count} bytes at {offset} are not there")
    return found


def date_time(frame):
    """@3 MMDDYYYY, @7 HHMMSS."""
    date, time = f"{bcd(frame, 3, 4):08d}", f"{bcd(frame, 7, 3):06d}"
    days = {4: 30, 6: 30, 9: 30, 11: 30, 2: 29}
    if not (1 <= int(date[:2]) <= 12 and 1 <= int(date[2:4]) <= days.get(int(date[:2]), 31)):
        raise ValueError(date)
    if int(time[:2]) > 23 or int(time[2:4]) > 59 or int(time[4:]) > 59:
        raise ValueError(time)
    return {"date": date, "time": time}


def checked(frame):
    if len(frame) < 4 or crc(frame[:-2]) != frame[-2] + 256 * frame[-1]:
        raise ValueError("check sum")


def counted(frame, least=0):
    """@3 the length byte: what follows it, without check sum. Returns the offset behind the data."""
    if len(frame) < 5 + least or frame[2] != len(frame) - 5:
        raise ValueError("length byte")
    return len(frame) - 1


def request(frame):
    """Host to machine: (address, command, values)."""
    if len(frame) < 2 or frame[0] > 0x7F:
        raise ValueError("no long poll")
    address, command = frame[0], frame[1]
    if address == 0 and command not in BROADCAST:
        raise ValueError("not for all")
    if command in READ:
        if len(frame) != 2:
            raise ValueError("a read poll is two bytes")
        return address, command, {}
    checked(frame)
    if command in (0x2F, 0x6F, 0xAF):
        end = counted(frame)
        width, most = (1, 10) if command == 0x2F else (2, 12)
        codes = [binary(frame, at, width) for at in range(6, end, width)]
        if not 1 <= len(codes) <= most or (end - 6) % width:
            raise ValueError("number of meters")
        return address, command, {"game": bcd(frame, 4, 2), "meters": codes}
    if command == 0xB0:
        return address, command, preamble(frame)
    if command == 0xB7:
        end = counted(frame)
        return address, command, {"asset_number": binary(frame, 4, 4), "location": location(frame, 8, end)}
    if len(frame) != REQUEST_SIZE.get(command):
        raise ValueError("length")
    if command == 0xB6:
        counted(frame)
        return address, command, {"status": frame[3]}
    if command in (0x0C, 0x0D):
        return address, command, {"data": part(frame, 3, 4)}
    if command in (0x2D, 0x52, 0x53, 0xA0, 0xA4, 0xB5):
        return address, command, {"game": bcd(frame, 3, 2)}
    if command == 0xB4:
        return address, command, {"game": bcd(frame, 3, 2), "category": bcd(frame, 5, 2)}
    if command == 0x08:
        return address, command, {"mask": part(frame, 3, 4), "action": frame[6]}
    if command == 0x09:
        return address, command, {"game": bcd(frame, 3, 2), "enable": frame[4]}
    if command in (0x0E, 0xAA):
        return address, command, {"enable": frame[2]}
    if command == 0x2E:
        return address, command, {"tenths": binary(frame, 3, 2)}
    if command == 0x7F:
        return address, command, date_time(frame)
    return address, command, {}


def reply(address, command, frame):
    """Machine to host, driven by the poll that is out: (status, values)."""
    if frame == bytes([address | 0x80]) and command not in READ:
        return "nack", {}
    if frame == bytes([address, 0]):
        return "busy", {}
    if command in ONLY_ACK:
        if frame != bytes([address]):
            raise ValueError("neither ACK nor NACK")
        return "ack", {}
    if len(frame) < 4 or frame[0] != address or frame[1] != command:
        raise ValueError("not the answer to this poll")
    checked(frame)
    if command in SINGLE or command in BILLS:
        if len(frame) != 8:
            raise ValueError("length")
        name = SINGLE.get(command) or f"bills_accepted_value_{BILLS[command]}_count"
        return "data", {name: bcd(frame, 3, 4)}
    if command in REPLY_SIZE and len(frame) != REPLY_SIZE[command]:
        raise ValueError("length")
    if command in GROUPS:
        return "data", {name: bcd(frame, offset, 4) for offset, name in GROUPS[command].items()}
    return "data", LAYOUTS[command](frame)


def preamble(frame):
    """5.7: @4 denomination, @5 base poll, @6 its data."""
    end = counted(frame)
    if end < 6:
        raise ValueError("cut")
    return {"denomination": frame[3], "base": frame[4], "data": frame[5 : end - 1]}


def inside_request(address, values):
    """What B0 asks, read as the bare poll: (command, values)."""
    base = values["base"]
    if base not in AWARE:
        raise ValueError("not for one denomination")
    body = bytes([address, base]) + values["data"]
    _, _, found = request(body if base in READ else sealed(body))
    if base == 0x2F and found["game"]:
        raise ValueError("the whole machine only")
    return base, found


def inside_reply(address, base, values):
    """What B0 answered for ``base``: (status, values), read as the bare poll's answer; "error" with its number."""
    data = values["data"]
    if values["base"] == 0:
        if len(data) != 1:
            raise ValueError("an error is one byte")
        return "error", {"error": data[0]}
    if values["base"] != base:
        raise ValueError("not the answer to the poll inside")
    if base == 0x09:
        return reply(address, base, data)
    try:
        return reply(address, base, sealed(bytes([address, base]) + data))
    except (ValueError, IndexError):
        # 01 00 is an answer to 56, where it can be one.
        if data == bytes([address, 0]):
            return "busy", {}
        raise


def sealed(body):
    value = crc(body)
    return body + bytes([value % 256, value // 256])


def event(address, frame):
    """Section 6.1: (code, values) of an event frame."""
    if len(frame) < 5 or frame[0] != address or frame[1] != 0xFF:
        raise ValueError("no event frame")
    checked(frame)
    code = frame[2]
    size, layout = EVENTS.get(code, (0, lambda f: {}))
    if len(frame) != 5 + size:
        raise ValueError("length")
    return code, layout(frame)


def location(frame, offset, end):
    """Length and text up to the end of the data."""
    length = part(frame, offset, 1)[0]
    if length > 40 or offset + 1 + length != end:
        raise ValueError("location")
    return text(frame, offset + 1, length)


def machine_numbers(frame):
    """With length byte (6 at least), or without: then flags of two bits stand in its place (X9)."""
    bare = frame[2] < 4
    end, shift = (len(frame) - 1, -1) if bare else (counted(frame), 0)
    found = {
        "control_flags": part(frame, 4 + shift, 1)[0],
        "asset_number": binary(frame, 5 + shift, 4),
        "location": location(frame, 9 + shift, end),
    }
    return found | {"length_byte": 0} if bare else found


def handpay(frame):
    return {
        "progressive_group": frame[2],
        "level": frame[3],
        "amount": bcd(frame, 5, 5),
        "partial_pay": bcd(frame, 10, 2),
        "reset_id": frame[11],
        "session_win": bcd(frame, 13, 5),
        "session_pay": bcd(frame, 18, 5),
    }


def collect_status(frame):
    counted(frame)
    return {"status": frame[3]}


def information(frame, shift=0):
    return {
        "game_id": text(frame, 3 + shift, 2),
        "additional_id": text(frame, 5 + shift, 3),
        "denomination": frame[7 + shift],
        "max_bet": frame[8 + shift],
        "progressive_group": frame[9 + shift],
        "game_options": binary(frame, 11 + shift, 2),
        "paytable_id": text(frame, 13 + shift, 6),
        "base_percentage": text(frame, 19 + shift, 4),
    }


def selected_meters(frame):
    end, at, found = counted(frame, 2), 6, []
    while at < end:
        code = frame[at - 1]
        if code in RESERVED:
            raise ValueError("a meter without size: the rest cannot be read")
        size = 5 if code in FIVE_BYTES else 4
        if at + 1 + size > end:
            raise ValueError("cut")
        found.append([code, size, bcd(frame, at + 1, size)])
        at += 1 + size
    return {"game": bcd(frame, 4, 2), "meters": found}


def extended_meters(frame):
    end, at, found = counted(frame, 2), 6, []
    while at < end:
        if at + 3 > end:
            raise ValueError("cut")
        code, size = binary(frame, at, 2), frame[at + 1]
        if size > 9 or at + 3 + size > end:
            raise ValueError("size")
        found.append([code, size, bcd(frame, at + 3, size)] if size else [code, 0])
        at += 3 + size
    return {"game": bcd(frame, 4, 2), "meters": found}


def version(frame):
    length = counted(frame) - 4
    if not 3 <= length <= 0x2B:
        raise ValueError("length byte")
    return {"version": text(frame, 4, 3), "serial": text(frame, 7, length - 3)}


def number_list(name, width, read):
    def decode(frame):
        end = counted(frame)
        if end != 5 + width * frame[3]:
            raise ValueError("number of items")
        return {name: [read(frame, 5 + width * place, width) for place in range(frame[3])]}

    return decode


def hopper(frame):
    end = counted(frame)
    found = {"status": frame[3], "percent": frame[4]}
    if frame[2] == 6:
        found["level"] = bcd(frame, 6, 4)
    elif end != 6:
        raise ValueError("length is 02 or 06")
    return found


def reels(frame):
    """13 bytes, or 9 from older machines (X5)."""
    if len(frame) not in (13, 9):
        raise ValueError("length")
    return {"stops": part(frame, 3, len(frame) - 4)}


def wager_category(frame):
    end, size = counted(frame), part(frame, 12, 1)[0]
    if size > 9 or end != 13 + size:
        raise ValueError("size of the meter")
    return {
        "game": bcd(frame, 4, 2),
        "category": bcd(frame, 6, 2),
        "payback": text(frame, 8, 4),
        "coin_in": [0, size, bcd(frame, 13, size)] if size else [0, 0],
    }


def extended_game(frame):
    end = counted(frame)
    found = {
        "game": bcd(frame, 4, 2),
        "max_bet": bcd(frame, 6, 2),
        "progressive_group": part(frame, 8, 1)[0],
        "progressive_levels": part(frame, 9, 4),
    }
    at = 13
    for name in ("game_name", "paytable_name"):
        if at < end:
            length = frame[at - 1]
            if length > 0x14:
                raise ValueError(name)
            found[name] = text(frame, at + 1, length)
            at += 1 + length
    if at < end:
        found["wager_categories"] = bcd(frame, at, 2)
        at += 2
    if at < end:
        found["denominations"] = list(part(frame, at + 1, frame[at - 1]))
        at += 1 + frame[at - 1]
    if at != end:
        raise ValueError("bytes left over, or cut")
    return found


LAYOUTS = {
    0x18: lambda f: {"since_power_up": bcd(f, 3, 2), "since_door_closed": bcd(f, 5, 2)},
    0x1B: handpay,
    0x1F: information,
    0x2D: lambda f: {"game": bcd(f, 3, 2), "hand_paid": bcd(f, 5, 4)},
    0x2F: selected_meters,
    0x48: lambda f: {"country": bcd(f, 3, 1), "denomination": f[3], "count": bcd(f, 5, 4)},
    0x4F: hopper,
    0x51: lambda f: {"games": bcd(f, 3, 2)},
    0x52: lambda f: {
        "game": bcd(f, 3, 2), "coin_in": bcd(f, 5, 4), "coin_out": bcd(f, 9, 4), "jackpot": bcd(f, 13, 4),
        "games_played": bcd(f, 17, 4),
    },
    0x53: lambda f: {"game": bcd(f, 3, 2), **information(f, 2)},
    0x54: version,
    0x55: lambda f: {"game": bcd(f, 3, 2)},
    0x56: number_list("games", 2, bcd),
    0x6F: extended_meters,
    0x7E: date_time,
    0x8E: lambda f: {"hand": f[2], "cards": part(f, 4, 5)},
    0x8F: reels,
    0xA0: lambda f: {"game": bcd(f, 3, 2), "features": part(f, 5, 6)},
    0xA4: lambda f: {"game": bcd(f, 3, 2), "limit": bcd(f, 5, 2)},
    0xAF: extended_meters,
    0xB1: lambda f: {"denomination": f[2]},
    0xB2: number_list("denominations", 1, binary),
    0xB3: lambda f: {"denomination": f[2]},
    0xB4: wager_category,
    0xB0: preamble,
    0xB5: extended_game,
    0xB6: collect_status,
    0xB7: machine_numbers,
}  # fmt: skip
AWARE = {0x09, 0x11, 0x12, 0x14, 0x15, 0x16, 0x17, 0x2F, 0x56, 0x6F, 0xAF, 0xB5}
"5.7: polls that may be asked for one denomination."
EVENTS = {
    0x4F: (6, lambda f: {"country": bcd(f, 4, 1), "denomination": f[4], "count": bcd(f, 6, 4)}),
    0x7C: (10, lambda f: {"multiplier": f[3], "multiplied_win": bcd(f, 5, 4), "tax_status": f[8], "bonus": bcd(f, 10, 4)}),
    0x7E: (8, lambda f: {
        "wagered": bcd(f, 4, 2), "coin_in": bcd(f, 6, 4), "wager_type": f[9], "progressive_group": f[10],
    }),
    0x7F: (4, lambda f: {"win": bcd(f, 4, 4)}),
    0x88: (2, lambda f: {"reel": f[3], "stop": f[4]}),
    0x8A: (4, lambda f: {"game": bcd(f, 4, 2), "index": bcd(f, 6, 2)}),
    0x8B: (1, lambda f: {"card": f[3]}),
    0x8C: (2, lambda f: {"game": bcd(f, 4, 2)}),
}  # fmt: skip
"6.1: bytes after the code, and what they say; offsets count from 1."
