"""Towards central: envelopes, a durable log, and the roads on which it travels.

This wing never heard of SAS, of a ticket or of a machine: an event is to it an id, a kind, a subject and a body. It
imports neither of the other wings.
"""
