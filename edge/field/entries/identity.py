"""Who answers: compared with who should, and written down before anything of it is booked (COM-05, IDN-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from edge.field.entries.handpays import abandon_handpays
from edge.field.found import ConfirmFound, DescriptionFound, IdentityFound, PollsFound
from edge.field.page import Decision, Page
from edge.hall.devices import Identity
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.store.balances import begin_anew
from edge.store.descriptions import forget_description, note_description, note_polls, player_denominations
from edge.store.devices import IdentityChange, compared, egm, enrol_serial, note_identity
from edge.store.strangers import forget_stranger, note_stranger, stranger_at

OF_ITS_OWN = frozenset({"game_id", "additional_id", "paytable", "version", "games", "base_percentage"})
"Where one of these differs, another program may be in the cabinet: what was learnt of its polls does not hold."


def enter_identity(page: Page, found: IdentityFound) -> None:
    """The answer to "who are you": another machine is told first, and may have to wait for a person."""
    asset = found.asset
    answer = compared(page.tx, asset, found.identity)
    is_another = answer.wrong is not None or answer.kind == "replaced"
    if is_another and page.ways.on_wrong_machine == "hold":
        reason = answer.wrong or "serial"
        if note_stranger(page.tx, asset, reason, found.identity, held=True):
            _tell_wrong(page, found, reason, answer.expected, found.identity.serial, held=True)
        page.identities[asset] = Decision("held", found.identity, _generation(page, asset), reason)
        return
    if answer.wrong is not None:
        if note_stranger(page.tx, asset, answer.wrong, found.identity, held=False):
            _tell_wrong(page, found, answer.wrong, answer.expected, found.identity.serial, held=False)
    elif (stranger := stranger_at(page.tx, asset)) is not None and stranger.reason != "asset":
        forget_stranger(page.tx, asset)
    _take(page, found, answer.wrong)


def _take(page: Page, found: IdentityFound, wrong: str | None) -> None:
    """From now on this is the machine that stands there."""
    asset = found.asset
    change = note_identity(page.tx, asset, found.identity)
    kind = change.found.kind
    if kind == "replaced":
        abandon_handpays(page, asset, "replaced", found.time)
    if kind == "replaced" or any(one.what in OF_ITS_OWN for one in change.found.differences):
        forget_description(page.tx, asset)
    note_polls(page.tx, asset, answered=found.answered, silent=found.unsupported)
    page.identities[asset] = Decision(kind, change.found.now, change.generation, wrong)
    for fact in _told(found, change):
        page.append(fact)


def _told(found: IdentityFound, change: IdentityChange) -> list[Fact]:
    asset, subject = found.asset, f"egm/{found.asset}"
    facts: list[Fact] = []
    if change.found.kind == "replaced":
        replaced: dict[str, Json] = {
            "asset": asset,
            "serial_before": change.before.serial or "",
            "serial": found.identity.serial or "",
            "generation": change.generation,
            "previous": change.previous_generation,
        }
        facts.append(Fact("hall.egm.replaced.v1", subject, found.time, replaced))
    if change.found.differences:
        differences: list[Json] = [
            {"what": one.what, "before": one.before, "after": one.after} for one in change.found.differences
        ]
        changed: dict[str, Json] = {"asset": asset, "generation": change.generation, "differences": differences}
        facts.append(Fact("hall.egm.changed.v1", subject, found.time, changed))
    members: Mapping[str, Json] = asdict(found.identity)
    identified: dict[str, Json] = {
        "asset": asset,
        "generation": change.generation,
        **members,
        "unsupported": list(found.unsupported),
        "changed": change.found.kind != "same",
    }
    facts.append(Fact("hall.egm.identified.v1", subject, found.time, identified))
    return facts


def enter_confirmation(page: Page, found: ConfirmFound) -> None:
    """A person confirms the machine that answers: it is enrolled as it is, and what waits for it may go on."""
    asset = found.asset
    stranger = stranger_at(page.tx, asset)
    head: dict[str, Json] = {
        "central": found.central, "command_id": found.command_id, "kind": found.kind, "asset": asset,
    }  # fmt: skip
    refusal = None
    if stranger is None:
        refusal = ("nothing-to-confirm", f"No other machine than the enrolled one answers for machine {asset}.")
    elif found.serial is not None and found.serial != stranger.told.serial:
        refusal = (
            "another-serial",
            f"The machine that answers for {asset} tells serial number {stranger.told.serial}.",
        )
    if refusal is not None:
        failed = Fact(
            "hall.command.failed.v1", f"egm/{asset}", found.time, {**head, "error": refusal[0], "text": refusal[1]}
        )
        page.end_command(found.central, found.command_id, failed)
        return
    assert stranger is not None
    enrol_serial(page.tx, asset, stranger.told.serial)
    forget_stranger(page.tx, asset)
    confirmed: dict[str, Json] = {
        "asset": asset, "serial": stranger.told.serial, "reason": stranger.reason, "central": found.central,
    }  # fmt: skip
    page.append(Fact("hall.egm.confirmed.v1", f"egm/{asset}", found.time, confirmed))
    if stranger.held:
        _take(page, IdentityFound(asset, found.time, stranger.told, ()), None)
    done = Fact("hall.command.done.v1", f"egm/{asset}", found.time, {**head, "result": {"outcome": "confirmed"}})
    page.end_command(found.central, found.command_id, done)


def enter_description(page: Page, found: DescriptionFound) -> None:
    """What the machine offers; told when it is another than before. An asset number of its own is compared with ours."""
    asset = found.asset
    note_polls(page.tx, asset, answered=found.answered, silent=found.unsupported)
    offered = player_denominations(page.tx, asset)
    noted = note_description(page.tx, asset, found.told)
    if player_denominations(page.tx, asset) != offered:
        # Play in one that is gone now is in the total and in no reading that will come.
        begin_anew(page.tx, asset, "denominations")
    if noted.changed:
        data: dict[str, Json] = {"asset": asset, "first": noted.before is None, **found.told}
        page.append(Fact("hall.egm.described.v1", f"egm/{asset}", found.time, data))
    stranger = stranger_at(page.tx, asset)
    if found.asset_told not in (None, 0, asset) and noted.changed:
        known = egm(page.tx, asset)
        told = known.identity if known else Identity()
        if stranger is None and note_stranger(page.tx, asset, "asset", told, held=False):
            wrong = IdentityFound(asset, found.time, told, ())
            _tell_wrong(page, wrong, "asset", str(asset), str(found.asset_told), held=False)
    elif found.asset_told == asset and stranger is not None and stranger.reason == "asset":
        forget_stranger(page.tx, asset)


def enter_polls(page: Page, found: PollsFound) -> None:
    """What was learnt of the polls a machine knows."""
    note_polls(page.tx, found.asset, answered=found.answered, silent=found.unsupported)


def _tell_wrong(
    page: Page, found: IdentityFound, reason: str, expected: str | None, told: str | None, *, held: bool
) -> None:
    data: dict[str, Json] = {
        "asset": found.asset, "reason": reason, "expected": expected, "told": told, "held": held,
        "generation": _generation(page, found.asset),
    }  # fmt: skip
    page.append(Fact("hall.egm.wrong.v1", f"egm/{found.asset}", found.time, data))


def _generation(page: Page, asset: int) -> int:
    known = egm(page.tx, asset)
    return known.generation if known else 1
