"""The judge's verdict as people read it: one row a machine, then what is wrong, then what has not settled. Pure."""

from simulators.reconcile import Verdict

_HEAD = ("machine", "raised", "acknowledged", "stored", "at central", "repeats", "faults", "meters equal", "of")


def machines_table(verdict: Verdict) -> str:
    """A table of text."""
    rows = [_HEAD]
    for machine in verdict.machines:
        equal = sum(row.state == "equal" for row in machine.meters)
        rows.append(
            (
                str(machine.asset), str(machine.raised), str(machine.acknowledged),
                "-" if machine.stored is None else str(machine.stored), str(machine.at_central),
                str(len(machine.repeated)), str(machine.faults), str(equal), str(len(machine.meters)),
            )
        )  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    out = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    out.append("")
    out += [f"WRONG  {fault}" for fault in faults(verdict)]
    out += [f"not settled  {text}" for text in unsettled(verdict)]
    if verdict.ok and verdict.settled:
        out.append("All that was acknowledged is at central, once, in order, unaltered; all meters read agree.")
    elif verdict.ok:
        out.append("Nothing is wrong so far.")
    return "\n".join(out)


def faults(verdict: Verdict) -> list[str]:
    """All that is wrong, a sentence each."""
    out = list(verdict.log_faults)
    for machine in verdict.machines:
        for name in ("lost", "doubled", "invented", "altered", "moved"):
            out += [f"machine {machine.asset}: {name} {what}" for what in getattr(machine, name)]
        out += [
            f"machine {machine.asset}: meter {row.code:02X} is {row.machine} there and {row.central} at central"
            for row in machine.meters
            if row.state == "differs"
        ]
    return out


def unsettled(verdict: Verdict) -> list[str]:
    """All that is still on its way, a sentence each."""
    out = list(verdict.unsettled)
    for machine in verdict.machines:
        out += [f"machine {machine.asset}: {text}" for text in machine.unsettled]
    return out
