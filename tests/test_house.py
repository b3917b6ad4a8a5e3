"""The house rules, run as ordinary tests: they read the sources by `ast` and import nothing of convexsim.

Each rule is a function from one `Source` to its findings (the line; what is wrong and what to do). So it is tested
twice: over the repository, and over snippets that it must catch (BITES) or must leave alone (PASSES). An exception to a
rule is a line in one of the dicts below, with its reason. The rules see what is written, not what happens: a module
loaded by name, or a set behind a function's result, passes unseen (tests/test_determinism.py looks at what happens).
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent

# ------------------------------------------------------------------------------------------- what the rules know

# A module imports only from rooms to its left, or its own.
ROOM_ORDER = (
    "errors → values → database → choices → faults → functions → trace → actors"
    " → invariants → simulation → explore → testing → cli"
)
ROOMS = ROOM_ORDER.split(" → ")

OURS = ("convexsim", "components", "scenarios", "tests", "benchmarks")

# Beside what they ship components offer state machines of Hypothesis, and workloads for the matrix; these lean on the
# rooms that are made for that.
MACHINES = ("components/batch_processor/machine.py",)
FOR_TESTS = {
    **dict.fromkeys(MACHINES, ("convexsim.testing.machine", "convexsim.testing.strategies")),
    "components/batch_processor/matrix.py": ("convexsim.testing.matrix", "convexsim.testing.workload"),
    "components/batch_processor/workloads.py": ("convexsim.testing.workload",),
}

# Which files may import what is not in the standard library. What is not named here is not allowed.
THIRD_PARTY = {
    "attrs": ("convexsim/", "components/", "scenarios/"),
    "pykka": ("convexsim/actors/kernel.py", "convexsim/actors/future.py", "convexsim/actors/threads.py"),
    "hypothesis": ("convexsim/testing/", *MACHINES),
    "pytest": ("convexsim/testing/",),
}

# Where nondeterminism could come in, and what to use instead.
DOORS = {
    **dict.fromkeys(("random", "secrets", "uuid"), "take it from the choices (convexsim/choices.py)"),
    **dict.fromkeys(("time", "datetime"), "take it from the virtual clock"),
    **dict.fromkeys(("threading", "asyncio"), "send a message: the dispatcher decides when it is handled"),
    **dict.fromkeys(("os.environ", "os.getenv", "os.urandom"), "let the caller pass it"),
    **dict.fromkeys(("id", "hash"), "differs from process to process: use a counter, a name or hashlib"),
}

# Exceptions: file -> door -> reason.
DOORS_OPEN: dict[str, dict[str, str]] = {
    "convexsim/choices.py": {"random": "it is the one door for nondeterminism"},
    "convexsim/actors/threads.py": {
        "threading": "runs the same actors on real threads, to show what determinism is compared with",
        "time": "real threads wait in real time",
    },
    "convexsim/cli/colour.py": {"os.environ": "whether whoever sits there wants colours; nothing of it reaches a run"},
    "convexsim/cli/courses.py": {
        "time": "--time is real time; it decides how many blocks there are, not what is in them"
    },
    "convexsim/cli/hands.py": {"time": "how long a worker may take to end a run that nobody wants"},
    "convexsim/cli/processes.py": {"threading": "hears of its parent's end while a run goes on; touches no run"},
    "convexsim/cli/terminal.py": {"time": "the progress line shows elapsed seconds; nothing of it reaches a run"},
}

MODULE_LINES, FUNCTION_LINES, PARAMETERS = 400, 60, 5

# Exceptions: "file:function" -> reason.
MANY_PARAMETERS: dict[str, str] = {}

FROZEN_FILES = ("convexsim/actors/messages.py", "convexsim/trace/event.py", "convexsim/database/commit.py")

# Words with one meaning: what an identifier may not contain -> where it may, and what to say elsewhere.
WORDS = {
    r"strateg(y|ies)": (("convexsim/testing/", *MACHINES, "tests/"), "Hypothesis owns the word; ours is `explorer`"),
    r"jobs?": (("components/", "scenarios/", "tests/"), "the component owns the word; Convex has `scheduled function`"),
    r"batch(es)?": (("components/", "scenarios/", "tests/"), "the component owns the word; say what is grouped"),
}

# ------------------------------------------------------------------------------------------------ how rules look

Findings = Iterator[tuple[int, str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@frozen
class Source:
    """One text file of the repository; `path` is relative to the root, with slashes."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parse(self.text, self.path)


@functools.cache
def parse(text: str, path: str) -> ast.Module:
    return ast.parse(text, filename=path)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported: `from convexsim.values import ids` is convexsim.values.ids."""
    package = Path(source.path).parent.parts
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += [node.module] if node.module else []
            yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def inside(path: str, places: tuple[str, ...]) -> bool:
    """Whether the path is one of the places, or in one that ends with a slash."""
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


# ---------------------------------------------------------------------------------------------- rules: who knows whom


def room_order(source: Source) -> Findings:
    """A room imports from rooms to its left; components and scenarios from the top level of convexsim only."""
    if source.path in ("convexsim/__init__.py", "convexsim/__main__.py"):
        return
    top = source.path.split("/")[0]
    room = source.path.split("/")[1].removesuffix(".py")
    if top == "convexsim" and room not in ROOMS:
        yield 1, f"{room!r} is no room: move the module into one, or add the room to ROOMS and to the design"
        return
    for line, name in imports(source):
        parts = name.split(".")
        if parts[0] not in OURS:
            continue
        if top == "convexsim":
            yield from ((line, message) for message in beyond_the_room(room, parts))
        elif ".".join(parts[:3]) in FOR_TESTS.get(source.path, ()):
            continue
        elif parts[0] == "convexsim" and (len(parts) > 2 or parts[-1] in ROOMS):
            yield line, f"imports {name}: {top} see only the public names, `from convexsim import ...`"
        elif parts[0] in ("scenarios", "tests") or (top == parts[0] == "components" and parts[1:2] != [room]):
            yield line, f"imports {name}: {top} do not lean on it; move what both need to where both may see it"


def beyond_the_room(room: str, parts: list[str]) -> Iterator[str]:
    name = ".".join(parts)
    if parts[0] != "convexsim":
        yield f"imports {name}: convexsim does not know who uses it; let the caller pass it"
    elif len(parts) == 1 or parts[1] not in ROOMS:
        yield f"imports {name}: the top level is for users; import from the room that owns the name"
    elif ROOMS.index(parts[1]) > ROOMS.index(room):
        yield f"{room} imports {name}, a room to its right: turn the call round, or move what is shared to the left"


def third_party(source: Source) -> Findings:
    """Pykka in the kernel, attrs in the core, test tools in testing; everything else is an extra."""
    for line, name in imports(source):
        top = name.split(".")[0]
        if top in OURS or top in sys.stdlib_module_names or inside(source.path, THIRD_PARTY.get(top, ())):
            continue
        where = ", ".join(THIRD_PARTY.get(top, ())) or "no file"
        yield (
            line,
            f"imports {top}, which {where} may: take what you need from there, or make it an extra (THIRD_PARTY)",
        )


# --------------------------------------------------------------------------------------- rules: one door for chance


def doors(source: Source) -> Findings:
    """No module or name through which a run could differ from its replay."""
    for line, name in sorted(door_uses(source)):
        if name in DOORS and name not in DOORS_OPEN.get(source.path, {}):
            yield line, f"uses {name}: {DOORS[name]}; a justified exception is a line in DOORS_OPEN"


def door_uses(source: Source) -> Iterator[tuple[int, str]]:
    for line, name in imports(source):
        yield line, name if name in DOORS else name.split(".")[0]
    # `__hash__` has to call hash(): the number shows only as the order of a set, which is the next rule's.
    own_hash = [inner for f in functions(source.tree) if f.name == "__hash__" for inner in ast.walk(f)]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{node.value.id}.{node.attr}" if node.value.id == "os" else ""
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in own_hash:
            yield node.lineno, node.id if node.id in ("id", "hash") else ""


SET_TYPE = re.compile(r"""["']?([\w.]+\.)?(set|frozenset|Set|FrozenSet|AbstractSet|MutableSet)\b""")
SET_METHODS = ("union", "intersection", "difference", "symmetric_difference", "copy")
ORDER_IS_LOST = ("sorted", "set", "frozenset", "len", "any", "all", "min", "max")
ORDER_IS_SEEN = ("list", "tuple", "enumerate", "iter", "zip", "map", "filter", "sum", "join", "extend", "fromkeys")


def unsorted_sets(source: Source) -> Findings:
    """A set is iterated only through sorted(), as far as ast can see that it is a set."""
    for line, what in sorted(set_uses(source.tree, ())):
        yield line, f"{what}: the order would be the hash's; say sorted(...)"


def set_uses(scope: ast.AST, outer: tuple[str, ...]) -> Findings:
    known = set_names(scope, outer)
    harmless: list[ast.AST] = []
    for node in own_nodes(scope):
        if isinstance(node, SCOPES):
            yield from set_uses(node, known)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            harmless += node.args if called in ORDER_IS_LOST and not node.keywords else []
            if called in ORDER_IS_SEEN and any(is_set(argument, known) for argument in node.args):
                yield node.lineno, f"{called}() over a set"
            if called == "pop" and isinstance(node.func, ast.Attribute) and is_set(node.func.value, known):
                yield node.lineno, "pop() from a set"
        elif isinstance(node, ast.For | ast.AsyncFor) and is_set(node.iter, known):
            yield node.lineno, "a loop over a set"
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp) and node not in harmless:
            yield from ((g.iter.lineno, "a comprehension over a set") for g in node.generators if is_set(g.iter, known))
        elif isinstance(node, ast.Starred | ast.YieldFrom) and is_set(node.value, known):
            yield node.lineno, "a set unpacked"


def set_names(scope: ast.AST, outer: tuple[str, ...]) -> tuple[str, ...]:
    """The names in sight that hold sets: every assignment and annotation in this scope says so."""
    local: dict[str, bool] = {}
    for node in own_nodes(scope):
        for name, holds in told_by(node, (*outer, *(name for name, holds in local.items() if holds))):
            local[name] = local.get(name, True) and holds
    if isinstance(scope, ast.ClassDef):  # what it and its methods say about self.x holds in all of its methods
        local = {f"self.{name}": holds for name, holds in local.items()}
        for name, holds in (told for node in ast.walk(scope) for told in told_by(node, outer)):
            if name.startswith("self."):
                local[name] = local.get(name, True) and holds
    return tuple(name for name, holds in {**dict.fromkeys(outer, True), **local}.items() if holds)


def told_by(node: ast.AST, outer: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Which name a parameter, annotation or assignment speaks of, and whether it makes it a set."""
    if isinstance(node, ast.arg):
        yield node.arg, is_set_type(node.annotation)
    elif isinstance(node, ast.AnnAssign):
        yield ast.unparse(node.target), is_set_type(node.annotation)
    elif isinstance(node, ast.Assign):
        yield from ((ast.unparse(target), is_set(node.value, outer)) for target in node.targets)


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, parents first; inner scopes are named but not entered."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, SCOPES):
            yield from own_nodes(child)


def is_set_type(annotation: ast.expr | None) -> bool:
    return annotation is not None and SET_TYPE.match(ast.unparse(annotation)) is not None


def is_set(node: ast.expr, known: tuple[str, ...]) -> bool:
    if isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node) in known
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return any(is_set(side, known) or ast.unparse(side).endswith(".keys()") for side in (node.left, node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in SET_METHODS and is_set(node.func.value, known)
    is_call = isinstance(node, ast.Call) and ast.unparse(node.func) in ("set", "frozenset")
    return is_call or isinstance(node, ast.Set | ast.SetComp)


# --------------------------------------------------------------------------------------- rules: small and readable


def limits(source: Source) -> Findings:
    """A module fits in one reading, a function on one screen, a call on one line."""
    lines = len(source.text.splitlines())
    if lines > MODULE_LINES:
        yield 1, f"{lines} lines, limit {MODULE_LINES}: it has two subjects; give each its module"
    for function in functions(source.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES:
            yield function.lineno, f"{function.name}() has {length} lines, limit {FUNCTION_LINES}: name its parts"
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        count = len([argument for argument in arguments if argument.arg not in ("self", "cls")])
        if count > PARAMETERS and f"{source.path}:{function.name}" not in MANY_PARAMETERS:
            what = f"{function.name}() takes {count} parameters, limit {PARAMETERS}"
            yield (
                function.lineno,
                f"{what}: put those that travel together into a frozen class, or say why in MANY_PARAMETERS",
            )


def module_docstrings(source: Source) -> Findings:
    """Each module begins by saying what it owns (an empty file owns nothing)."""
    if source.tree.body and not ast.get_docstring(source.tree):
        yield 1, "no module docstring: say what it owns, what it must not know, and which file comes next in the walk"


def public_docstrings(source: Source) -> Findings:
    """Each public class, function and method is introduced by one sentence."""
    yield from missing_docstrings(source.tree)


def missing_docstrings(owner: ast.Module | ast.ClassDef) -> Findings:
    for node in owner.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        decorators = [ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list]
        if not ast.get_docstring(node) and not any(said in decorators for said in ("overload", "override", "setter")):
            yield (
                node.lineno,
                f"{node.name} has no docstring: one sentence, then units, shapes, errors, source of the rule",
            )
        if isinstance(node, ast.ClassDef):
            yield from missing_docstrings(node)


def frozen_classes(source: Source) -> Findings:
    """What is sent, recorded or judged is shared between actors, so it never changes."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            name, _, arguments = ast.unparse(decorator).partition("(")
            makes_fields = name.split(".")[-1] in ("define", "mutable", "s", "attrs", "dataclass")
            if makes_fields and not re.search(r"\bfrozen=True\b", arguments):
                yield decorator.lineno, f"@{name} leaves {node.name} open to change: say @frozen"


def words(source: Source) -> Findings:
    """One meaning per word: identifiers do not borrow the words of Hypothesis or of the component."""
    for line, name in identifiers(source.tree):
        parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
        for word, (places, instead) in WORDS.items():
            if not inside(source.path, places) and any(re.fullmatch(word, part) for part in parts):
                yield line, f"identifier {name!r}: {instead}"


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for field in ("id", "name", "attr", "arg", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                yield getattr(node, "lineno", 1), name


# ------------------------------------------------------------------------------------------------ rules: any text

REGISTRY = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|npmjs\.(com|org)|yarnpkg\.com|anaconda\.org|jsr\.io|crates\.io|golang\.org"
    r"|(deb|ftp|security)\.debian\.org|(archive|security)\.ubuntu\.com)\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.~}/-])/(work|tmp|home|root)/")
PIN = re.compile(r"[a-z0-9-]+==[0-9][\w.]*")


def no_hosts(source: Source) -> Findings:
    """Where packages come from is the machine's business, not the repository's."""
    for line, text in enumerate(source.text.splitlines(), start=1):
        if found := REGISTRY.search(text):
            yield line, f"names the registry {found[0]}: name the package and its version instead"


def no_machine_paths(source: Source) -> Findings:
    """Nothing depends on where it was written."""
    for line, text in enumerate(source.text.splitlines(), start=1):
        if found := MACHINE_PATH.search(text):
            yield line, f"absolute path {found[0]}...: say it relative to the repository"


def plain_pins(source: Source) -> Findings:
    """Each requirement is `name==version` and nothing more."""
    for line, text in enumerate(source.text.splitlines(), start=1):
        if not PIN.fullmatch(text):
            yield line, f"{text!r} is not a plain `name==version`"


# --------------------------------------------------------------------------------------- the rules over the sources

Rule = Callable[[Source], Findings]
SHIPPED = ("convexsim/*.py", "components/*.py", "scenarios/*.py")  # fnmatch: `*` crosses slashes

RULES: dict[Rule, tuple[str, ...]] = {
    room_order: SHIPPED,
    third_party: SHIPPED,
    doors: SHIPPED,
    unsorted_sets: SHIPPED,
    limits: SHIPPED,
    module_docstrings: ("*.py",),
    public_docstrings: ("convexsim/*.py",),
    frozen_classes: FROZEN_FILES,
    words: SHIPPED,
    no_hosts: ("*",),
    no_machine_paths: ("*",),
    plain_pins: ("requirements-*.txt",),
}


@functools.cache
def repository() -> tuple[Source, ...]:
    """Every text file that .gitignore does not name, by path."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = (".git", *(line.rstrip("/") for line in lines if line and not line.startswith("#")))
    return tuple(sorted(texts(ROOT, ignored), key=lambda source: source.path))


def texts(folder: Path, ignored: tuple[str, ...]) -> Iterator[Source]:
    for path in folder.iterdir():
        if path.is_symlink() or any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from texts(path, ignored)
        elif b"\0" not in (content := path.read_bytes()):
            yield Source(path.relative_to(ROOT).as_posix(), content.decode("utf-8", errors="replace"))


def name_of(value: object) -> str | None:
    """The test id of a rule is its name; pytest finds one for everything else."""
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_the_house_keeps(rule: Rule) -> None:
    sources = [s for s in repository() if any(fnmatch.fnmatch(s.path, pattern) for pattern in RULES[rule])]
    found = dict.fromkeys(
        f"{s.path}:{line}: {name_of(rule)}: {message}" for s in sources for line, message in sorted(rule(s))
    )
    if found:
        pytest.fail("\n".join([f"{rule.__doc__} {len(found)} place(s) differ:", *found]), pytrace=False)


def test_every_exception_is_still_needed() -> None:
    used = {
        source.path: [name for _, name in door_uses(source)] for source in repository() if source.path in DOORS_OPEN
    }
    idle = [f"{path}: {door}" for path, names in used.items() for door in DOORS_OPEN[path] if door not in names]
    assert not idle, f"nobody goes through these any more, remove them from DOORS_OPEN: {idle}"


# ----------------------------------------------------------------------------------------- the rules over snippets

A_FILE = "convexsim/explore/dfs.py"
COMMIT = "convexsim/database/commit.py"
CLIENT = "components/batch_processor/client.py"
LESSON = "scenarios/lost_update.py"
MESSAGES = FROZEN_FILES[0]
PINS = "requirements-dev.txt"

BITES: list[tuple[Rule, str, str]] = [
    (room_order, "convexsim/helpers.py", ""),
    (room_order, COMMIT, "from convexsim.actors import kernel"),
    (room_order, COMMIT, "from convexsim import actors"),
    (room_order, COMMIT, "from ..actors.kernel import SimActor"),
    (room_order, COMMIT, "from .. import actors"),
    (room_order, COMMIT, "if TYPE_CHECKING:\n    import convexsim.trace.event"),
    (room_order, COMMIT, "def f():\n    from convexsim import choices"),
    (room_order, COMMIT, "from convexsim import mutation"),
    (room_order, "convexsim/cli.py", "from components.batch_processor import versions"),
    (room_order, CLIENT, "from convexsim.functions.define import mutation"),
    (room_order, CLIENT, "from convexsim import database"),
    (room_order, CLIENT, "from components.crm import schema"),
    (room_order, LESSON, "import convexsim.actors.kernel"),
    (room_order, LESSON, "from tests import helpers"),
    (third_party, "convexsim/actors/runner.py", "import pykka"),
    (third_party, "convexsim/actors/runner.py", "from pykka.messages import ProxyCall"),
    (third_party, "convexsim/values/value.py", "import numpy as np"),
    (third_party, "convexsim/explore/check.py", "from hypothesis import given"),
    (third_party, CLIENT, "from hypothesis import strategies"),
    (room_order, CLIENT, "from convexsim.testing.machine import WorldMachine"),
    (room_order, MACHINES[0], "from convexsim.testing.live import LiveWorld"),
    (room_order, "components/batch_processor/workloads.py", "from convexsim.testing.matrix import Subject"),
    (doors, A_FILE, "import random"),
    (doors, A_FILE, "from time import monotonic"),
    (doors, A_FILE, "import datetime as d"),
    (doors, A_FILE, "import asyncio.events"),
    (doors, A_FILE, "import os\nseed = os.environ['SEED']"),
    (doors, A_FILE, "from os import urandom"),
    (doors, A_FILE, "seen[id(actor)] = 1"),
    (doors, A_FILE, "rows.sort(key=hash)"),
    (doors, "convexsim/choices.py", "import time"),
    (doors, "convexsim/actors/kernel.py", "import threading"),
    (doors, CLIENT, "from uuid import uuid4"),
    (unsorted_sets, A_FILE, "for x in {1, 2}: pass"),
    (unsorted_sets, A_FILE, "for x in set(rows): pass"),
    (unsorted_sets, A_FILE, "xs = [f(x) for x in frozenset(rows)]"),
    (unsorted_sets, A_FILE, "d = {x: 1 for x in {y for y in rows}}"),
    (unsorted_sets, A_FILE, "xs = list(set(rows))"),
    (unsorted_sets, A_FILE, "xs = tuple(set(a) | b)"),
    (unsorted_sets, A_FILE, "xs = [*set(a).union(b)]"),
    (unsorted_sets, A_FILE, "text = ', '.join({f(x) for x in rows})"),
    (unsorted_sets, A_FILE, "for key in before.keys() - after.keys(): pass"),
    (unsorted_sets, A_FILE, "first = min((x for x in set(rows)), key=len)"),
    (unsorted_sets, A_FILE, "def f(xs: frozenset[str]):\n    for x in xs: pass"),
    (unsorted_sets, A_FILE, "def f():\n    xs = set()\n    return list(xs)"),
    (unsorted_sets, A_FILE, "xs = set()\nys = xs | b\nfor y in ys: pass"),
    (unsorted_sets, A_FILE, "def f():\n    xs: set[int] = g()\n    return xs.pop()"),
    (unsorted_sets, A_FILE, "class A:\n    xs: set[int]\n    def f(self):\n        return [x for x in self.xs]"),
    (unsorted_sets, A_FILE, "class A:\n  def f(self):\n    yield from self.xs\n  def g(self):\n    self.xs = set()"),
    (limits, A_FILE, "\n" * 401),
    (limits, A_FILE, "def f():\n" + "    pass\n" * 60),
    (limits, A_FILE, "class A:\n    def f(self, a, b, c, d, *, e, f): pass"),
    (module_docstrings, A_FILE, "x = 1"),
    (public_docstrings, A_FILE, "def f(): pass"),
    (public_docstrings, A_FILE, "class A:\n    '''A.'''\n    async def f(self): pass"),
    (frozen_classes, MESSAGES, "@define\nclass A: pass"),
    (frozen_classes, MESSAGES, "@attrs.define(slots=True)\nclass A: pass"),
    (frozen_classes, MESSAGES, "@attrs.define(frozen=False)\nclass A: pass"),
    (words, A_FILE, "def next_strategy(): pass"),
    (words, A_FILE, "class PickStrategies: pass"),
    (words, "convexsim/actors/scheduler.py", "x.pending_jobs = 1"),
    (words, "convexsim/actors/runner.py", "def f(batch): pass"),
    (no_hosts, "Makefile", "pip install --index-url https:\x2f\x2fpypi\x2eorg/simple"),
    (no_machine_paths, "docs/setup.md", "run `cd \x2fhome/ann/convexsim`"),
    (plain_pins, PINS, "ruff>=0.1"),
    (plain_pins, PINS, "ruff==0.1 --hash=sha256:00"),
]
PASSES: list[tuple[Rule, str, str]] = [
    (room_order, "convexsim/__init__.py", "from convexsim.cli import main"),
    (room_order, "convexsim/__main__.py", "from convexsim.cli import main"),
    (room_order, "convexsim/actors/runner.py", "from convexsim.database import commit\nfrom .kernel import SimActor"),
    (room_order, CLIENT, "from convexsim import v\nfrom .schema import schema"),
    (room_order, MACHINES[0], "from convexsim.testing.machine import WorldMachine"),
    (room_order, "components/batch_processor/accumulator/v1.py", "from components.batch_processor import schema"),
    (room_order, LESSON, "from convexsim import check\nfrom components.batch_processor import host_app"),
    (third_party, "convexsim/actors/kernel.py", "import pykka\nimport heapq\nfrom attrs import frozen"),
    (doors, "convexsim/choices.py", "import random"),
    (doors, A_FILE, "class A:\n    id: str\n    def __hash__(self): return hash(self.id)"),
    (doors, A_FILE, "now = ctx.now() + ctx.random()"),
    (unsorted_sets, A_FILE, "for x in sorted({1, 2}): pass"),
    (unsorted_sets, A_FILE, "ok = all(f(x) for x in set(rows)) and 3 in set(rows)"),
    (unsorted_sets, A_FILE, "xs = sorted(f(x) for x in set(rows))"),
    (unsorted_sets, A_FILE, "def f(xs: list[str]):\n    for x in xs: pass\ndef g():\n    xs = set()"),
    (unsorted_sets, A_FILE, "def f():\n    xs = set()\n    xs = sorted(xs)\n    return list(xs)"),
    (limits, A_FILE, "class A:\n    def f(self, a, b, c, d, *rest, e, **more): pass\n" + "\n" * 398),
    (limits, A_FILE, "def f():\n" + "    pass\n" * 59),
    (module_docstrings, "tests/__init__.py", ""),
    (public_docstrings, A_FILE, "def _f(): pass\nclass _A:\n    def f(self): pass"),
    (frozen_classes, MESSAGES, "@frozen\nclass A: pass\n@define(frozen=True, slots=True)\nclass B: pass"),
    (words, "convexsim/testing/strategies.py", "def value_strategy(): pass"),
    (words, CLIENT, "batch_id = iterator_job"),
    (no_hosts, "README.md", "see github.com and https://example.org/pypi"),
    (no_machine_paths, "README.md", "see docs/work/plan.md and https://example.org/home/"),
    (plain_pins, PINS, "pytest-xdist==3.8.0\nast-serialize==0.13.1"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BITES, ids=name_of)
def test_each_rule_bites(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), PASSES, ids=name_of)
def test_each_rule_leaves_good_code_alone(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))


def test_no_rule_goes_untested() -> None:
    assert [*RULES] == [*dict.fromkeys(rule for rule, _, _ in BITES)] == [*dict.fromkeys(rule for rule, _, _ in PASSES)]
