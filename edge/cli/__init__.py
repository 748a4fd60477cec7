"""hallctl, the control program: talks to the front over its socket, never opens the live database or loads the daemon."""
