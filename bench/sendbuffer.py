"""``python -m bench.sendbuffer BYTES front --config FILE``: the front with another send buffer; 0: the kernel's own choice.

Only for the bench: what the setting of `edge.front.serving` costs, and what it saves, is a matter of one constant.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from edge.__main__ import main
from edge.front import serving


class Unlimited(socket.socket):
    """A socket that leaves its send buffer to the kernel."""

    def setsockopt(self, *asked: Any) -> None:
        """All but the send buffer."""
        if asked[1] != socket.SO_SNDBUF:
            super().setsockopt(*asked)


if __name__ == "__main__":
    size = int(sys.argv[1])
    if size:
        serving.SEND_BUFFER = size
    else:
        setattr(socket, "socket", Unlimited)  # noqa: B010  to mypy a class of a module is no variable
    sys.exit(main(sys.argv[2:]))
