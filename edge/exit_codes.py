"""What the daemon's exit codes mean; systemd starts again after each of them but ``CONFIG``."""

BUG = 70
"A part died that must not. The trace is in the log."
STORAGE = 74
"A storage error: nothing more was acknowledged; the next start reads what the disk has."
CONFIG = 78
"The configuration is wrong; starting again would not mend it."
