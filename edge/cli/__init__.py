"""hallctl, the control program: talks to the front over its socket; never opens the database, never loads the daemon."""
