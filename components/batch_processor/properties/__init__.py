"""The properties of a correct batch component (properties.md 2), as predicates over what a world shows.

Owns what is judged; the door, with the names and the rules for fault models, is `../invariants.py`. Read `records.py`
and `ledger.py` (what stands in a world), `chronicle.py` (how it came about) and `terms.py`, then what must hold:
`accumulator.py`, `timing.py` and, after `jobs.py`, `iterator.py`.
"""
