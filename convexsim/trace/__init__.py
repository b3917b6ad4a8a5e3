"""What happened: the events of a run, and how to show them. Pure; read `event.py` first."""
