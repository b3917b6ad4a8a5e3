"""Workloads of the component, generated from its API, and the worlds they make: what `convexsim matrix` explores.

Owns what clients may do to the accumulator and to jobs, and how a fault model becomes a world; knows of no race. Items
are distinct values. Who goes through the properties is `matrix.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from attrs import evolve

from components.batch_processor.host_app import host_app
from components.batch_processor.host_callbacks import DELIVERIES, PLAN, PLANS
from components.batch_processor.invariants import Half
from components.batch_processor.properties.records import LAYOUTS
from convexsim import Component, Faults, Invariant, Platform, Scenario, World, scenario
from convexsim.testing.workload import Draw, Entry, Workload

__all__ = ["UPGRADES", "fits", "generate", "parameters", "restrict", "world_of"]

_SKEW_MS: Final = 5_000
_APART_MS: Final = 4 * 2 * _SKEW_MS
"""By how much something may be late where clocks differ: each of four functions on its way may be scheduled by a clock
that is ahead of one that is behind."""
_UNTIL_MS: Final = 400_000
_CRON_MS: Final = LAYOUTS["0.1.0"].cron_ms
_CRON_UNTIL_MS: Final = 5 * _CRON_MS
"""How long a world lasts; with a cron, whose ticks cost time, less."""
_MAX_STEPS: Final = 3_000
"""Messages of a run, ten times what most need: behind a wrong clock 1.0.5 flushes again and again in no time."""
_BRINGS: Final = {"crashes": "C", "restarts": "C", "conflicts": "O", "skewed": "K", "skews_ms": "K"}
"""Which fault model brings a fault."""
_FAIL: Final = {"fail": "no"}
_HANGS_MS: Final = 1_900_000
"""How long a callback takes that does not come back before its action's time is over (convex-semantics 6.3), of which
that action dies: fault model C."""
_AFTER_HANGING_MS: Final = 2_600_000
"""How long a world lasts in which one may."""


UPGRADES: Final = ("1.0.5→1.0.6", "1.0.6→1.0.7", "1.0.7→1.0.9")
"""Versions of which the second is deployed while the first has items stored and timers pending: those neighbours whose
documents the newer schema accepts; the others are refused (tests/components/test_upgrades.py has every pair)."""


def generate(version: str, half: Half, models: str, draw: Draw) -> Workload:
    """Return a workload of one half of the component, in which may go wrong what the letters of the models say.

    Args:
        version: its label, or one of `UPGRADES`.
        half: which.
        models: letters of `MODELS`.
        draw: what is drawn.

    """
    setting = {**_setting(version, models, draw), "half": half}
    if version in UPGRADES:
        setting["upgrade_ms"] = draw.pick([0, 500, 1_000, 1_500, 2_000])
    if half == "iterator":
        return _Steering(models, draw).workload(setting)
    return _Adding(version, models, draw).workload(setting)


def restrict(workload: Workload, models: str) -> Workload:
    """Return a workload without what goes wrong in it that the letters of some models do not allow."""
    setting = workload.setting
    faults = {name: count for name, count in setting["faults"].items() if _BRINGS[name] in models}
    self_cancel = setting["self_cancel"] if "M" in models else "noop"
    plans = workload.plans
    if "U" not in models:
        plans = {name: tuple(map(_without_failure, plan)) for name, plan in plans.items()}
    if "C" not in models:
        plans = {name: tuple("ok" if _hangs(end) else end for end in plan) for name, plan in plans.items()}
    return evolve(workload, setting={**setting, "faults": faults, "self_cancel": self_cancel}, plans=plans)


def fits(version: str, workload: Workload) -> bool:
    """Whether a workload that was generated for one version can happen in another: its configs and calls are known."""
    calls = [entry for entries in workload.clients.values() for entry in entries]
    adds = [add for entry in calls for add in entry.args.get("adds", [entry.args])]
    adds += [end["adds"] for plan in workload.plans.values() for end in plan if "adds" in end]
    configs = [
        workload.setting["config"],
        *(add["config"] for add in adds if workload.setting["half"] == "accumulator" and "config" in add),
    ]
    is_readmes = version in ("0.1.0", "0.2.0")
    fields = {"flushIntervalMs", "maxBatchSize", "onFlushHandle" if is_readmes else "processBatch"}
    needed = {"flushIntervalMs", "maxBatchSize"}
    if version in ("1.0.9", "hardened"):
        fields, needed = fields | {"immediateFlushThreshold"}, {"flushIntervalMs"}
    if version == "hardened":
        fields |= {"maxAttempts"}
    about_dead = any(entry.function.endswith("DeadLetter") for entry in calls)
    return all(needed <= {*config} <= fields for config in configs) and (version == "hardened" or not about_dead)


def _without_failure(end: Any) -> Any:
    left = end if end == "ok" else {name: what for name, what in end.items() if name != "fail"}
    return left or "ok"


def _hangs(end: Any) -> bool:
    return bool(end != "ok" and end.get("takes", 0) >= _HANGS_MS)


def parameters(models: str) -> dict[str, float]:
    """Return what counts as late under some models: of `invariant`."""
    late = {"epsilon_ms": 10_000.0} if "O" in models else {}
    return {**late, **({"skew_ms": float(_APART_MS)} if "K" in models else {})}


def world_of(version: str, workload: Workload, invariants: Sequence[Invariant]) -> Scenario:
    """Return the world in which a workload happens, and what is asked of it."""
    setting, (first, *later) = workload.setting, version.split("→")
    config = json.dumps(setting["config"])

    @scenario(
        app=_app(first, config),
        invariants=invariants,
        platform=Platform(self_cancel=setting["self_cancel"]),
        faults=Faults(**setting["faults"]),
        until_ms=_lasts_ms(version, workload),
    )
    def workload_of(world: World) -> None:
        world.external(DELIVERIES)
        workload.with_args(partial(_configured, setting["config"])).write(world)
        for upgrade in later:
            world.client("dev").wait(setting.get("upgrade_ms", 1_000))
            world.client("dev").deploy(_app(upgrade, config))

    return workload_of.variant(
        f"{setting['half']}-{version.replace('.', '-').replace('→', '-to-')}", max_steps=_MAX_STEPS
    )


def _lasts_ms(version: str, workload: Workload) -> float:
    if any(_hangs(end) for plan in workload.plans.values() for end in plan):
        return _AFTER_HANGING_MS
    return _CRON_UNTIL_MS if version == "0.1.0" else _UNTIL_MS


@lru_cache(maxsize=64)
def _app(version: str, config: str) -> Component:
    """Return the app with a config, which many workloads have in common: an app takes longer to make than to run."""
    return host_app(version, json.loads(config))


def _configured(config: Mapping[str, Any], function: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of a call in which every add says its config, so that properties can be judged by it."""
    if function == "driver:addMany":
        return {**args, "adds": [{"config": config, **add} for add in args["adds"]]}
    return {"config": config, **args} if function == "driver:addItems" else args


def _setting(version: str, models: str, draw: Draw) -> dict[str, Any]:
    faults: dict[str, Any] = {}
    if "C" in models:
        faults.update(draw.pick([{"crashes": 1}, {"crashes": 2}, {"restarts": 1}]))
    if "O" in models:
        faults["conflicts"] = 5
    if "K" in models:
        skews_ms = draw.pick([[_SKEW_MS], [-_SKEW_MS], [_SKEW_MS, -_SKEW_MS]])
        faults.update({"skewed": draw.number(1, 3), "skews_ms": skews_ms})
    self_cancel = draw.pick(["tree", "tree", "throw"]) if "M" in models else "noop"
    return {"config": _config(version, draw), "self_cancel": self_cancel, "faults": faults}


# ------------------------------------------------------------------------------------------------- the accumulator


def _config(version: str, draw: Draw) -> dict[str, Any]:
    """Return a config of a version's client: sizes that few calls reach, and intervals, of which 0 is for ever."""
    interval: dict[str, Any] = {"flushIntervalMs": draw.pick([0, 1_000, 1_000, 1_000, 5_000])}
    size = draw.pick([1, 2, 3, 3, 4, 10])
    more = {"maxAttempts": 2} if version == "hardened" and draw.chance(0.3) else {}
    if version in ("1.0.9", "hardened") and draw.chance(0.5):
        both = {"immediateFlushThreshold": size, "maxBatchSize": size + draw.number(0, 3)}
        return {**interval, **draw.pick([{"immediateFlushThreshold": size}, both, {}]), **more}
    return {**interval, "maxBatchSize": size, **more}


def _size_of(config: Mapping[str, Any]) -> int:
    """Return how many items are enough for a flush, or a few if there never are."""
    size: int = config.get("immediateFlushThreshold", config.get("maxBatchSize", 2))
    return size


def _with_size(config: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    """Return a config for which so many items are enough for a flush, and no fewer."""
    names = [name for name in ("immediateFlushThreshold", "maxBatchSize") if name in config]
    return {**config, **dict.fromkeys(names, size)}


class _Adding:
    """What clients do to batches."""

    def __init__(self, version: str, models: str, draw: Draw) -> None:
        self._version = version
        self._may_fail = "U" in models
        self._may_hang = "C" in models
        self._cron_ms = [_CRON_MS] if version == "0.1.0" else []
        self._draw = draw
        self._made = 0
        self._ids = ["a"] * 4 + draw.pick([[], [], ["b"], ["a::x"], ["b", "a::0"]])

    def workload(self, setting: Mapping[str, Any]) -> Workload:
        """Return a workload: clients that do anything, or a crowd that adds, of many clients or of busy ones."""
        config, draw = setting["config"], self._draw
        if draw.chance(0.25):
            if draw.chance(0.5):
                config = _with_size(config, 10)
                setting = {**setting, "config": config}
            done = self._crowd(config)
        else:
            counts = draw.each(draw.number(1, 4), lambda: draw.number(1, 4))
            done = [draw.each(count, lambda: self._entry(config)) for count in counts]
        clients = {f"c{at}": tuple(entries) for at, entries in enumerate(done)}
        return Workload(setting, {**dict.fromkeys(PLANS, ()), PLAN: self._plan(config)}, clients)

    def _crowd(self, config: Mapping[str, Any]) -> list[list[Entry]]:
        """Return clients that add again and again from one moment on, while something may become due."""
        draw, name, size = self._draw, self._ids[0], _size_of(config)
        begin_ms = draw.pick([0, config["flushIntervalMs"], *self._cron_ms * 2])
        clients, each = draw.pick([(draw.number(6, 9), draw.pick([1, 1, 3, 4])), (draw.number(2, 4), 8)])
        count = draw.pick([1, 1, size])
        crowd = [draw.each(each, lambda: self._plainly(count)) for _ in range(clients)]
        done = [[evolve(first, wait_ms=begin_ms), *others] for first, *others in crowd]
        done += [[self._call(begin_ms, "flush", {"batchId": name})]] if draw.chance(0.5) else []
        return [*done, [self._plainly(draw.pick([1, 1, size]))]]

    def _plan(self, config: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return how deliveries end: at once or later, well or, if they may, not; some add in their middle.

        Often all take the same time.
        """
        draw = self._draw
        takes = [{"takes": ms} for ms in (100, 1_000, config["flushIntervalMs"] or 500, 40_000)]
        ends: list[Any] = ["ok", "ok", "ok", *takes]
        if self._may_fail:
            ends += [_FAIL] * 6 + [{**_FAIL, **draw.pick(takes)}] * 2
        hanging = [{"takes": _HANGS_MS}] * 2 if self._may_hang and draw.chance(0.2) else []
        if not (self._may_fail or hanging) and draw.chance(2 / 3):
            return draw.pick([(), (draw.pick(takes),) * 8])
        count = draw.number(1, 4 if self._may_fail else 2)
        adding = 0.2 if draw.chance(0.2) else 0

        def end() -> Any:
            return {"adds": self._add(config)[1]} if draw.chance(adding) else draw.pick(ends + hanging)

        return tuple(draw.each(count, end))

    def _plainly(self, count: int) -> Entry:
        """Return the add of so many items, at once, under the id that all have in common."""
        return self._call(0, "addItems", {"batchId": self._ids[0], "items": self._items(count)})

    def _entry(self, config: Mapping[str, Any]) -> Entry:
        draw, interval_ms = self._draw, config["flushIntervalMs"] or 1_000
        waits_ms = [0, 0, 0, 1, 100, interval_ms, interval_ms, 2 * interval_ms, 2_000, 30_000]
        wait_ms = draw.pick([*waits_ms, *self._cron_ms * 2, *(_CRON_MS - 1 for _ in self._cron_ms)])
        dead = ["retryDeadLetter", "discardDeadLetter"] if self._version == "hardened" else []
        does = draw.pick(["addItems"] * 12 + ["addMany"] * 2 + ["flush"] * 4 + ["deleteBatch"] * 2 + dead)
        if does == "addItems":
            return self._call(wait_ms, *self._add(config))
        if does == "addMany":
            adds = draw.each(2, lambda: self._add(config)[1])
            return self._call(wait_ms, does, {"adds": adds, **({"fail": "no"} if draw.chance(0.3) else {})})
        return self._call(wait_ms, does, {"batchId": self._name()})

    def _add(self, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        draw = self._draw
        size = _size_of(config)
        count = draw.pick([0, 1, 1, 1, 1, 2, max(size - 1, 1), size, size + 2])
        own = {"config": self._other(config)} if draw.chance(0.2) else {}
        return "addItems", {"batchId": draw.pick(self._ids), "items": self._items(count), **own}

    def _items(self, count: int) -> list[str]:
        """Return so many items, none of which there was before."""
        first, self._made = self._made, self._made + count
        return [f"i{number}" for number in range(first, self._made)]

    def _other(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a config of a call's own: another size, another interval, another callback."""
        callback = "onFlushHandle" if self._version in ("0.1.0", "0.2.0") else "processBatch"
        to = self._draw.pick(["processBatch", "processOther"])
        return {**_config(self._version, self._draw), callback: f"function://;driver:{to}"}

    def _name(self) -> str:
        name = self._draw.pick(self._ids)
        return name if self._draw.chance(0.6) else f"{name}::{self._draw.number(0, 1)}"

    def _call(self, wait_ms: float, function: str, args: Mapping[str, Any]) -> Entry:
        return Entry(wait_ms, "mutation", f"driver:{function}", args)


# ---------------------------------------------------------------------------------------------------- the iterator


class _Steering:
    """What clients do to jobs."""

    def __init__(self, models: str, draw: Draw) -> None:
        self._may_fail = "U" in models
        self._may_hang = "C" in models
        self._draw = draw
        self._jobs = draw.pick([["j"], ["j"], ["j", "k"]])

    def workload(self, setting: Mapping[str, Any]) -> Workload:
        """Return a workload: the first client starts a job, the others steer it."""
        draw = self._draw
        clients = {f"c{at}": tuple(self._entries()) for at in range(draw.number(0, 3))}
        seeding = Entry(0, "mutation", "driver:seedRows", {"n": draw.number(0, 4)})
        later = self._entries() if draw.chance(0.8) else []
        first = (seeding, self._start(self._jobs[0]), *later)
        return Workload(setting, {name: self._plan(name) for name in PLANS}, {"host": first, **clients})

    def _plan(self, name: str) -> tuple[Any, ...]:
        draw = self._draw
        ends: list[Any] = ["ok", "ok", *({"takes": ms} for ms in (50, 100, 2_000, 40_000) if name == PLAN)]
        if self._may_fail:
            ends += [_FAIL] * len(ends)
        if name == PLAN and self._may_hang and draw.chance(0.2):
            ends += [{"takes": _HANGS_MS}] * 2
        if name != PLAN and not self._may_fail:
            return ()
        return tuple(draw.each(draw.pick([0, 0, 1, 2, 3, 6]), lambda: draw.pick(ends)))

    def _start(self, job: str, wait_ms: float = 0) -> Entry:
        """Return the start of a job; others than the host wait for its rows, which are not to change under a job."""
        draw = self._draw
        config: dict[str, Any] = {"batchSize": draw.number(1, 3)}
        if draw.chance(0.5):
            config["delayBetweenBatchesMs"] = draw.pick([0, 50, 1_000])
        if draw.chance(0.5):
            config["maxRetries"] = draw.number(1, 3)
        if draw.chance(0.6):
            config["onComplete"] = "onComplete"
        return Entry(wait_ms, "mutation", "driver:startIterator", {"jobId": job, "config": config})

    def _entries(self) -> list[Entry]:
        """Return what a client does: anything, or pause and resume a job in turn, always after the same while."""
        draw = self._draw
        if draw.chance(0.7):
            return draw.each(draw.number(1, 4), self._entry)
        wait_ms, job = draw.pick([0, 0, 50, 100, 1_000]), draw.pick(self._jobs)
        turns = [self._steer(wait_ms, does, job) for does in ("pauseIterator", "resumeIterator") * 4]
        return turns[: draw.number(2, 8)]

    def _entry(self) -> Entry:
        draw = self._draw
        wait_ms = draw.pick([0, 0, 0, 50, 100, 100, 1_000, 2_000, 4_000, 30_000])
        does = draw.pick(["pause"] * 3 + ["resume"] * 3 + ["cancel"] * 2 + ["delete", "start"])
        job = draw.pick(self._jobs)
        if does == "start":
            return self._start(job, draw.pick([1_000, 2_000, 4_000]))
        return self._steer(wait_ms, "deleteIteratorJob" if does == "delete" else f"{does}Iterator", job)

    def _steer(self, wait_ms: float, function: str, job: str) -> Entry:
        return Entry(wait_ms, "mutation", f"driver:{function}", {"jobId": job})
