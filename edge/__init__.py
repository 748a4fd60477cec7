"""The gateway itself: the one wing where machines (protocols) and central (sync) meet.

Two processes live here, `edge.field` and `edge.front`; the other rooms serve both and import neither.
"""
