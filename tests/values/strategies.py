"""What property tests share: their settings, the limits of numbers, and ways through nested values.

What they draw comes from `convexsim.testing.strategies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import settings

# Always the same examples, so that a test that fails here fails everywhere.
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True, database=None)

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
SAFE = 2**53 - 1


def containers(value: Any) -> Iterator[Any]:
    """Yield every dict and list of a value, itself included."""
    if isinstance(value, (dict, list, tuple)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def nested(depth: int) -> Any:
    """Make a value with `depth` levels of arrays and objects, alternating."""
    value: Any = None
    for level in range(depth):
        value = [value] if level % 2 else {"x": value}
    return value
