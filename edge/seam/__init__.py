"""The only road between the halves: typed messages over one Unix socket. Neither half imports the other.

`messages` is pure and says what may be said; `server` is the field's end, `client` the front's, `memory` both at once.
"""
