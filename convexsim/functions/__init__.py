"""What user code sees: how functions are defined, named and mounted, and what their contexts let them do.

Knows transactions (`database/`) and values, but no actor: an action's context speaks to a small protocol that
`actors/runner.py` implements. Read `define.py`, then `context.py`.
"""
