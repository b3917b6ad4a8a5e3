"""Ids in Convex's own format, and streams that are a function of their seed (convex-semantics 1.4 and 8)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim.errors import UsageError
from convexsim.values import IdStream, decode_id, encode_id, table_number_of
from tests.values.strategies import PROPERTY

ROOT = Path(__file__).parents[2]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
MAX_TABLE = 2**32 - 1
bodies = st.binary(min_size=16, max_size=16)
table_numbers = st.integers(1, MAX_TABLE) | st.sampled_from(
    [1, 127, 128, 10_000, 16_383, 16_384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, MAX_TABLE]
)


def powers_of_251() -> bytes:
    return bytes(pow(251, exponent, 256) for exponent in range(1, 17))


def slow_id(table_number: int, body: bytes) -> str:
    """Spell an id bit by bit, from the text."""
    groups = []
    rest = table_number
    while rest > 127:
        groups.append(rest % 128 + 128)
        rest //= 128
    payload = [*groups, rest, *body]
    low = high = 0
    for byte in payload:
        low = (low + byte) % 256
        high = (high + low) % 256
    bits = "".join(f"{byte:08b}" for byte in [*payload, low, high])
    return "".join(ALPHABET[int(bits[at : at + 5].ljust(5, "0"), 2)] for at in range(0, len(bits), 5))


def test_the_known_id_of_the_real_backend() -> None:
    """The stability test of convex-backend (crates/value/src/id_v6.rs) has this table number, body and text."""
    known = "z43zp6c3e75gkmz1kfwj6mbbx5sw281h"
    assert encode_id(1017, powers_of_251()) == known
    assert decode_id(known) == (1017, powers_of_251())


@PROPERTY
@given(table_numbers, bodies)
def test_ids_are_spelled_as_the_text_says(table_number: int, body: bytes) -> None:
    text = encode_id(table_number, body)
    assert text == slow_id(table_number, body)
    assert decode_id(text) == (table_number, body)
    assert table_number_of(text) == table_number


@pytest.mark.parametrize(
    ("table_number", "length"),
    [
        (1, 31),
        (127, 31),
        (128, 32),
        (10_000, 32),
        (16_383, 32),
        (16_384, 34),
        (2**21, 36),
        (2**28, 37),
        (MAX_TABLE, 37),
    ],
)
def test_lengths(table_number: int, length: int) -> None:
    assert len(encode_id(table_number, bytes(16))) == length


def test_what_cannot_be_an_id_is_not_encoded() -> None:
    for table_number in (0, -1, MAX_TABLE + 1):
        with pytest.raises(UsageError, match=f"Table number {table_number} "):
            encode_id(table_number, bytes(16))
    for length in (0, 15, 17):
        with pytest.raises(UsageError, match=f"16 bytes, not {length}"):
            encode_id(10_001, bytes(length))


@PROPERTY
@given(table_numbers, bodies, st.data())
def test_one_wrong_character_is_noticed(table_number: int, body: bytes, data: st.DataObject) -> None:
    text = encode_id(table_number, body)
    at = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from(ALPHABET + "ilou_- +AZ!é"))
    changed = text[:at] + wrong + text[at + 1 :]
    # A Fletcher sum may miss a change by chance, but never returns the same id for two spellings.
    decoded = decode_id(changed)
    assert changed == text or decoded != (table_number, body)
    assert decoded is None or encode_id(*decoded) == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "0" * 32,
        "i" * 32,
        "z" * 32,
        "z43zp6c3e75gkmz1kfwj6mbbx5sw281",
        "z43zp6c3e75gkmz1kfwj6mbbx5sw281h0",
        "z43zp6c3e75gkmz1kfwj6mbbx5sw281hh",
        "Z43ZP6C3E75GKMZ1KFWJ6MBBX5SW281H",
        "z43zp6c3e75gkmz1kfwj6mbbx5sw281j",
        " z43zp6c3e75gkmz1kfwj6mbbx5sw281h",
        "z43zp6c3e75gkmz1kfwj6mbbx5sw28_h",
        "é" * 32,
        "\ud800" * 32,
        "sssswsgggggggggsgcsssfafffsffks",
        "z" * 1_000_000,
    ],
)
def test_malformed_texts_are_no_ids(text: str) -> None:
    assert decode_id(text) is None
    assert table_number_of(text) is None


def test_table_number_zero_and_longer_varints_are_no_ids() -> None:
    for prefix in (b"\x00", b"\x81\x00", b"\xff\xff\xff\xff\x7f"):
        payload = prefix + bytes(16)
        low = high = 0
        for byte in payload:
            low = (low + byte) % 256
            high = (high + low) % 256
        bits = "".join(f"{byte:08b}" for byte in [*payload, low, high])
        text = "".join(ALPHABET[int(bits[at : at + 5].ljust(5, "0"), 2)] for at in range(0, len(bits), 5))
        assert decode_id(text) is None


@PROPERTY
@given(st.text(st.sampled_from(ALPHABET), min_size=30, max_size=38))
def test_every_decoded_text_is_the_one_spelling_of_its_id(text: str) -> None:
    decoded = decode_id(text)
    assert decoded is None or encode_id(*decoded) == text


# Streams.


def test_a_stream_is_a_function_of_its_seed() -> None:
    first, second, other = IdStream("run/1"), IdStream("run/1"), IdStream("run/2")
    ids = [first.next(10_001) for _ in range(100)]
    assert ids == [second.next(10_001) for _ in range(100)]
    others = [other.next(10_001) for _ in range(100)]
    assert len({*ids, *others}) == 200
    assert all(table_number_of(text) == 10_001 and len(text) == 32 for text in ids)


def test_the_table_is_part_of_the_id_and_not_of_its_randomness() -> None:
    one, two = decode_id(IdStream("s").next(10_001)), decode_id(IdStream("s").next(10_002))
    assert one is not None
    assert two is not None
    assert (one[0], two[0]) == (10_001, 10_002)
    assert one[1] == two[1]


def test_seeds_that_run_together_stay_apart() -> None:
    assert IdStream("a").next(10_001) != IdStream("a\0").next(10_001)
    assert IdStream("").next(10_001) != IdStream("0").next(10_001)


def test_random_numbers_and_ids_do_not_move_each_other() -> None:
    plain, mixed = IdStream("s"), IdStream("s")
    ids = [plain.next(10_001) for _ in range(3)]
    fractions = [plain.fraction() for _ in range(3)]
    for expected_id, expected_fraction in zip(ids, fractions, strict=True):
        assert mixed.fraction() == expected_fraction
        assert mixed.next(10_001) == expected_id


def test_what_the_platform_calls_a_request_does_not_tell_what_user_code_draws() -> None:
    """Ids, random numbers and the names of requests are sub-streams of their own (convex-semantics 1.4)."""
    stream = IdStream("s")
    words = [int.from_bytes(bytes.fromhex(stream.token())) for _ in range(5)]
    assert len(set(words)) == 5
    assert [word >> 11 for word in words] != [stream.fraction() * 2**53 for _ in words]


def test_random_numbers_are_uniform_with_53_bits() -> None:
    stream = IdStream("uniform")
    drawn = [stream.fraction() for _ in range(4_000)]
    assert all(0 <= fraction < 1 and (fraction * 2**53).is_integer() for fraction in drawn)
    assert len(set(drawn)) == len(drawn)
    assert any((fraction * 2**53) % 2 for fraction in drawn)  # the lowest bit is used
    for tenth in range(10):
        assert 300 < sum(tenth <= fraction * 10 < tenth + 1 for fraction in drawn) < 500


def test_a_fresh_process_makes_the_same_ids() -> None:
    program = "from convexsim.values import IdStream; s = IdStream('p'); print(s.next(10001), s.fraction())"
    command = [sys.executable, "-c", program]
    stream = IdStream("p")
    expected = f"{stream.next(10_001)} {stream.fraction()}\n"
    for seed in ("1", "2"):
        env = {"PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == expected
