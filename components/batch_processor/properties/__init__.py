"""The properties of a correct batch component (properties.md 2), as predicates over what a world shows.

Owns what is judged; the door, with the names and the rules for fault models, is `../invariants.py`. Read `records.py`
(what stands in a world), then `chronicle.py` (how it came about), then `accumulator.py`, `timing.py`, `jobs.py` and
`iterator.py` (what must hold).
"""
