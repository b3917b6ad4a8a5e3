"""The accumulator: collects items under an id and flushes them to a callback.

A file a version, holding the functions which that version brought or changed and no others; functions call one another
by reference, so a row of `../versions.py` is free to combine them. What several versions share stands in the file of
the first of them. Read `common.py`, then `v0_1_0.py`.
"""
