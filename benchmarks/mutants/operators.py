"""Mutants by rule: a sample of all the small edits that can be made to a file.

Owns the operators: comparisons that take in their bound or not, or are turned round; `and` for `or`; numbers that are
one more; + for -; guards that always or never hold; statements that are left out. What stands in annotations, messages,
asserts, decorators and the fields of classes is left alone. The sample hangs on the file's name and the seed alone.
"""

from __future__ import annotations

import ast
import random
from typing import TYPE_CHECKING, Final

from benchmarks.mutants.mutant import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SEED", "edits_of", "sampled"]

SEED: Final = 1

Edit = tuple[int, int, str, str]
"""From which character up to which, the text that takes its place, and what that is."""

_OPPOSITES: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_SIGNS: Final[dict[type[ast.operator], str]] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.FloorDiv: "*"}
_LEFT_ALONE: Final = (ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
_SILENT: Final = (ast.AugAssign, ast.Raise, ast.Delete, ast.Break, ast.Continue)


def sampled(file: str, source: str, count: int, tests: tuple[str, ...]) -> list[Mutant]:
    """Return so many mutants of a file, or all if there are fewer, in the order of their places."""
    edits = sorted(dict.fromkeys(edits_of(source)))
    chosen = random.Random(f"{SEED} {file}").sample(edits, min(count, len(edits)))  # noqa: S311 - no secret
    return [_mutant(file, source, edit, tests) for edit in sorted(chosen)]


def _mutant(file: str, source: str, edit: Edit, tests: tuple[str, ...]) -> Mutant:
    """Return an edit as a row: with so much around it as makes it the only one."""
    start, end, new, what = edit
    first, last = start, end
    while source.count(source[first:last]) > 1 or source[first:last] == "":
        first, last = max(0, first - 1), min(len(source), last + 1)
    line = source.count("\n", 0, start) + 1
    return Mutant(file, source[first:last], source[first:start] + new + source[end:last], f"line {line}: {what}", tests)


def edits_of(source: str) -> Iterator[Edit]:
    """Yield every edit of a source that the operators know."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # `ast` counts bytes

    def at(line: int | None, column: int | None) -> int:
        assert line is not None
        return len(b"".join([*lines[: line - 1], lines[line - 1][:column]]).decode())

    def place(node: ast.expr | ast.stmt) -> tuple[int, int]:
        return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)

    for node in _executed(ast.parse(source)):
        for new, what in _instead_of(node):
            assert isinstance(node, ast.expr | ast.stmt)
            start, end = place(node)
            yield start, end, new, what or f"{source[start:end]!r} becomes {new!r}"
        if isinstance(node, ast.If):
            start, end = place(node.test)
            test = source[start:end]
            yield start, end, "True", f"the guard {test!r} always holds"
            yield start, end, "False", f"the guard {test!r} never holds"


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is run of a tree, parents first."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "args") and not isinstance(node, ast.Call):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, _LEFT_ALONE):
                continue
            is_field = isinstance(node, ast.ClassDef) and isinstance(child, ast.AnnAssign)
            if is_field or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
                continue
            yield child
            yield from _executed(child)


def _instead_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what may stand for a node, and what that is if the text does not say it."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield f"({left} {_OPPOSITES[type(node.ops[0])]} {right})", ""
    elif isinstance(node, ast.BoolOp):
        other = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield f"({ast.unparse(other)})", ""
    elif isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield f"({ast.unparse(node.left)} {_SIGNS[type(node.op)]} {ast.unparse(node.right)})", ""
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"({ast.unparse(node.operand)})", ""
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield str(not node.value if isinstance(node.value, bool) else node.value + 1), ""
    elif isinstance(node, ast.IfExp):
        yield f"({ast.unparse(node.body)})", ""
        yield f"({ast.unparse(node.orelse)})", ""
    elif _is_left_out(node):
        yield "pass", f"{ast.unparse(node)!r} is left out"


def _is_left_out(node: ast.AST) -> bool:
    """Whether a statement can be missing without a name that is missing then."""
    if isinstance(node, ast.Assign):
        return not isinstance(node.targets[0], ast.Name | ast.Tuple)
    is_call = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield)
    return is_call or isinstance(node, _SILENT)
