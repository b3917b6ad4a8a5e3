"""Hypothesis strategies for Convex values, drawn from the text of convex-semantics 8 and not from the code.

`values()` draws what a user may pass to `freeze`: any spelling of a number, tuples as well as lists, unsorted fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from convexsim.values import Int64

# Always the same examples, so that a test that fails here fails everywhere.
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True, database=None)

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
SAFE = 2**53 - 1

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", "\0", "\0\0", "a", "a\0", "a\0b", "a\x01", "ab", "b", "é", "\uffff", "\U00010000", "\x7f", "\xff"]
)
raw_bytes = st.binary(max_size=6) | st.sampled_from([b"", b"\0", b"\0\xff", b"\xff", b"\xff\0", b"a\0", b"a\0\xff"])
int64s = st.integers(INT64_MIN, INT64_MAX).map(Int64) | st.sampled_from(
    [Int64(n) for n in (INT64_MIN, -256, -255, -1, 0, 1, 255, 256, INT64_MAX)]
)
numbers = (
    st.floats()
    | st.integers(-SAFE, SAFE)
    | st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 1.0, 1.5, -1.5, math.inf, -math.inf, math.nan, -math.nan, 5e-324, float(SAFE + 1)])
)
field_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5).filter(
    lambda name: not name.startswith("$")
) | st.sampled_from(["", "a", "ab", "b", "B", "_id"])
scalars = st.none() | st.booleans() | int64s | numbers | texts | raw_bytes


def values() -> st.SearchStrategy[Any]:
    """Draw valid values, nested a few levels deep."""
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(field_names, inner, max_size=4)
        ),
        max_leaves=8,
    )


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
