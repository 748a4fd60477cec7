"""The front: every talk with people and with central. Reads the books; what must be written it asks of the field."""
