"""Two machines that answer the same poll: what reaches the host when both are set to one address. Pure.

On the loop and on wires joined by diodes a 0 drowns a 1, so each place carries the AND of both characters; who has more to
say is heard alone at the end. Two machines that say the same are heard as one: nobody can tell.
"""

from collections.abc import Sequence


def mixed(answers: Sequence[tuple[bytes, bool]]) -> tuple[bytes, bool]:
    """What is heard of answers that begin together, and whether the first character carries the wake-up bit.

    ``answers`` is not empty.
    """
    longest = max(len(data) for data, _ in answers)
    out = bytearray(b"\xff" * longest)
    for data, _ in answers:
        for place, value in enumerate(data):
            out[place] &= value
    return bytes(out), all(wakeup for _, wakeup in answers)
