"""Simulators: slot machines, halls of them, centrals and bad cables. Beside the gateway, never under it.

They speak the wire and the road to central and know nothing else of the gateway: nothing here imports `edge`.
"""
