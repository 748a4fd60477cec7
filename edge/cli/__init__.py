"""hallctl, the control program: talks to the front over its socket; never opens the database or loads the daemon."""
