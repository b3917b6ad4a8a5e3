"""A call of somebody's own that never ends, ends the command in a line that says where; one that ends is let be."""

from __future__ import annotations

import inspect
import re
import signal
from pathlib import Path
from types import FrameType

import pytest

from convexsim.cli import patience as patience_module
from convexsim.cli.patience import patience
from convexsim.errors import UsageError
from tests.test_cli import refused, script

ENDLESS = """
@mutation
def f(ctx):
    return len(ctx.db.query("t").collect())

@action
async def g(ctx):
    while ROUNDS:
        pass
    while await ctx.run_mutation(api.m.f):
        pass

@scenario(app=define_app({"m": globals()}), invariants=[lambda view: [0 for _ in iter(lambda: ASKED, False)] or True])
def it(world):
    world.client("a").WHAT
    while BODY:
        pass
"""


@pytest.fixture(autouse=True)
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patience_module, "LOOKS_S", 0.02)


def spelled(what: str, endless: str) -> None:
    body = ENDLESS.replace("WHAT", what)
    for name in ("ROUNDS", "ASKED", "BODY"):
        body = body.replace(name, str(name == endless))
    script(body)


@pytest.mark.parametrize(
    ("what", "endless", "told"),
    [
        ("action(api.m.g)", "ROUNDS", "g has been at work for 0 s in one call."),
        ("mutation(api.m.f)", "BODY", "it has been at work for 0 s in one call."),
        ("mutation(api.m.f)", "ASKED", "<lambda> has been at work for 0 s in one call."),
    ],
    ids=["a handler", "a scenario", "an invariant"],
)
@pytest.mark.parametrize("command", ["run", "explore"])
def test_a_call_without_an_end_is_told_with_its_place(
    command: str, what: str, endless: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spelled(what, endless)
    said = refused(capsys, command, "other.py")
    assert re.match(r"other\.py:\d+: ", said)
    assert f"{told} Look for a loop without an end; a function is to be done in moments." in said


def test_only_one_and_the_same_call_is_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def another() -> FrameType | None:
        return inspect.currentframe()

    monkeypatch.setattr(patience_module, "_outermost_call", lambda frame: frame)
    looks, one = patience_module._Looks(), another()
    for _ in range(100):
        looks(0, another())
    for frame in [*[one] * patience_module.MOST_LOOKS, None, *[one] * patience_module.MOST_LOOKS]:
        looks(0, frame)
    with pytest.raises(UsageError, match="another has been at work for"):
        looks(0, one)


def test_a_timer_of_somebody_else_is_left_alone() -> None:
    signal.setitimer(signal.ITIMER_REAL, 1_000)
    try:
        with patience():
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_afterwards_all_is_as_before() -> None:
    with patience():
        assert signal.getitimer(signal.ITIMER_REAL)[1] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
