"""Asks the kernel for short turns on the processor: whoever takes short ones is let in at once when it wakes.

Since Linux 6.6 a task that runs keeps the processor until its slice is over (3 ms and more), whoever wakes meanwhile, be
it nice or not; since 6.12 one that has asked for shorter slices than the running one need not wait for that. Older
kernels take the request and change nothing. It takes no right, and no processor time from anybody.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

SLICE_S = 0.0001
"""The shortest that the kernel grants."""

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "armv7l": 380}
"Number of the system call; glibc of Debian 12 and 13 has no name for it."

_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period (sched_setattr(2))


def take_short_slices(slice_s: float = SLICE_S) -> str | None:
    """For this process, from now on. Returns None, or why the kernel would not (which is no fault)."""
    number = SCHED_SETATTR.get(platform.machine())
    if number is None:
        return f"the number of sched_setattr on {platform.machine()} is not known here"
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, round(slice_s * 1e9), 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, 0, attributes, 0) == 0:
        return None
    return os.strerror(ctypes.get_errno())
