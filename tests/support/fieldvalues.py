"""Values for every kind of field word, drawn from its definition: what hypothesis needs to play the whole catalogue."""

from hypothesis import strategies as st

from protocols.sas.catalog.meter_codes import MIN_SIZES
from protocols.sas.clock_fields import Date, Time
from protocols.sas.fields import (
    Ascii,
    Bcd,
    Binary,
    Counted,
    Field,
    Flags,
    MeterCodes,
    MeterValue,
    Raw,
    Rest,
    Several,
    SizedMeter,
    SizedMeters,
    TabledMeters,
    Tail,
)
from protocols.sas.longpoll import LongPoll

_TEXT = st.characters(max_codepoint=127)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _text(most: int, least: int = 0) -> st.SearchStrategy:
    return st.text(_TEXT, min_size=least, max_size=most)


def _date() -> st.SearchStrategy:
    return st.integers(1, 12).flatmap(
        lambda month: st.builds(
            "{:02d}{:02d}{:04d}".format, st.just(month), st.integers(1, _DAYS[month - 1]), st.integers(0, 9999)
        )
    )


def _sized(codes: st.SearchStrategy) -> st.SearchStrategy:
    return st.integers(0, 9).flatmap(
        lambda size: st.builds(
            MeterValue,
            codes,
            st.just(size),
            st.integers(0, 100**size - 1) if size else st.none(),
        )
    )


def _tabled() -> st.SearchStrategy:
    return st.sampled_from(sorted(MIN_SIZES)).flatmap(
        lambda code: st.builds(
            MeterValue, st.just(code), st.just(MIN_SIZES[code]), st.integers(0, 100 ** MIN_SIZES[code] - 1)
        )
    )


def value_of(field: Field) -> st.SearchStrategy:
    """Any value the field can hold; text as a frame gives it back, that is in full length."""
    match field:
        case Bcd() | Binary():
            return st.integers(0, field.largest)
        case Flags():
            sizes = st.sampled_from([field.size] if field.short is None else [field.size, field.short])
            return sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
        case Ascii():
            return _text(field.size, field.size)
        case Rest() | Counted():
            return _text(field.most)
        case Raw():
            return st.binary(max_size=min(field.most, 40))
        case Date():
            return _date()
        case Time():
            return st.builds("{:02d}{:02d}{:02d}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
        case Several():
            return st.lists(value_of(field.item), max_size=12).map(tuple)
        case MeterCodes():
            codes = st.integers(0, 256**field.width - 1)
            return st.lists(codes, min_size=1, max_size=field.most).map(tuple)
        case SizedMeters():
            return st.lists(_sized(st.integers(0, 0xFFFF)), max_size=12).map(tuple)
        case SizedMeter():
            return _sized(st.just(field.code))
        case TabledMeters():
            return st.lists(_tabled(), max_size=10).map(tuple)
        case Tail():
            return value_of(field.field)
    raise AssertionError(f"{field!r} is of a kind without values here")


def values_of(fields: tuple[Field, ...]) -> st.SearchStrategy:
    """Values for all of them; those that older machines leave out are left out from some field on."""
    firm = [one for one in fields if not isinstance(one, Tail)]
    tails = [one for one in fields if isinstance(one, Tail)]
    return st.integers(0, len(tails)).flatmap(
        lambda kept: st.fixed_dictionaries({one.name: value_of(one) for one in (*firm, *tails[:kept])})
    )


def requests(poll: LongPoll) -> st.SearchStrategy:
    return values_of(poll.request)


def replies(poll: LongPoll) -> st.SearchStrategy:
    """Only for polls that are answered with data."""
    return values_of(poll.reply or ())
