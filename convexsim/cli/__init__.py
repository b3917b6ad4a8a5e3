"""The command line: run one order of a scenario, explore many, replay one from its string; run scripts of operations.

Read `commands.py`, which has the table of all commands, `parser.py`, how one is asked for, and `printing.py`, what is
told; `terminal.py` is about whoever sits before it.
"""

from convexsim.cli.commands import main

__all__ = ["main"]
