"""What a transaction is: snapshots, read sets, writes and the one rule that decides a conflict.

Pure: no actor, no clock, no choice. Read `commit.py` first; it is the only file that knows what a conflict is.
"""
