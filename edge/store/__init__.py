"""Tables of the hall and their SQL: registry, meters, what was last heard, how each line stopped.

Functions take a transaction (to write) or a connection (to read) and return hall types. No connection is opened here,
nothing is committed here. In the gateway only `edge.field.journal` and `edge.front.views` may import this room.
"""
