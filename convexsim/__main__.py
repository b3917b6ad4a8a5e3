"""`python -m convexsim` is the command `convexsim`."""

import sys

from convexsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
