"""The field: wires and books. The only half that opens a line and the only one that writes the database.

It needs nothing from the front: with the front dead, wires, commits and machines' questions go on.
"""
