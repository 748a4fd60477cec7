"""Numbers and names by which the hall knows its things, and the subjects of events made from them."""

from typing import NewType

AssetNumber = NewType("AssetNumber", int)
"The operator's permanent number of a machine, 1 to 9,999,999,999; never re-used."
LineName = NewType("LineName", str)
EventId = NewType("EventId", str)
"`{stream_id}:{sequence}`, the id of an envelope."

ASSET_MAX = 9_999_999_999


def egm_subject(asset: int) -> str:
    """The subject of a slot machine's events: ``egm/100417``."""
    return f"egm/{asset}"


def line_subject(name: str) -> str:
    """The subject of a line's events: ``line/A``."""
    return f"line/{name}"


def gateway_subject(gateway: str) -> str:
    """The subject of the gateway's own events: ``gateway/hg-07``."""
    return f"gateway/{gateway}"


def command_subject(command_id: str) -> str:
    """The subject of a command's result when it is not about one machine: ``command/0190…``."""
    return f"command/{command_id}"
