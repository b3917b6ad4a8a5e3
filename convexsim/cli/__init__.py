"""The command line: run one order of a scenario, explore many, replay one from its string; run scripts of operations.

Read `commands.py`, which does it, `arguments.py`, what can be asked for, and `printing.py`, what is told; `terminal.py`
is about whoever sits before it.
"""

from convexsim.cli.commands import main

__all__ = ["main"]
