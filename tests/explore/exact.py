"""DPOR against brute force on thousands of generated worlds: `make exact`; test_dpor.py does a fixed sample."""

from __future__ import annotations

import sys
from itertools import count

from tests.explore.looks import some_rule, some_witness
from tests.explore.small_worlds import disturbed, small_world
from tests.explore.test_dpor import compare

_MOST = 200
"""Orders of a world, from which on it is too large to compare."""
_KINDS = ("plain", "scheduled", "actions", "parallel", "outside", "adaptive", "aside")


def main(wanted: int, first: int = 0) -> None:
    """Compare so many worlds, most of them with an invariant that looks at something; the first difference raises."""
    compared = 0
    for number in count(first):
        turn, at = divmod(number, len(_KINDS))
        kind, level = _KINDS[at], 2 + turn % 2
        rules = [[], [some_rule(number)], [some_witness(number)], [some_witness(number)]][turn // 2 % 4]
        world = small_world(kind, number, rules)
        if number % 5 < 2:
            world = disturbed(world, number)
        try:
            compared += compare(world, level, _MOST, backoffs=number % 11 == 0)
        except AssertionError:
            _say(f"world {number} ({kind}, level {level}) differs")
            raise
        if compared == wanted:
            break
        if number % 100 == 0:
            _say(f"{compared:,} of {wanted:,} worlds compared, up to number {number:,}")
    _say(f"DPOR and brute force agree on {compared:,} worlds, {first} to {number:,}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
