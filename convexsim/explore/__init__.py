"""In which order: explorers that propose choices, and what is done with the runs. Read `explorer.py` and `check.py`."""
