"""Towards the machines: wires and bytes. Imports neither the gateway nor the road to central."""
