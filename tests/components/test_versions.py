"""The table of versions: each row is complete, agrees with component-versions 1, and names only paths that it has."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import attrs
import pytest

from components.batch_processor import RELEASES, VERSIONS, NotInThisVersionError, component, host_app
from components.batch_processor.iterator import ITERATOR_0_1_0, ITERATOR_1_0_3
from convexsim import FunctionDefinition, Reference, UsageError, components
from convexsim.functions.reference import parts_of
from convexsim.functions.spelling import to_camel

LABELS = ("0.1.0", "0.2.0", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.9")
OWN = (*LABELS, "hardened")

# The matrix of component-versions 1, without the columns that have no row here: one letter is one body. The two bodies
# of scheduledIntervalFlush in 1.0.3 and 1.0.4 differ in what they hand on, which one body here hands on as it comes.
MATRIX = """
    addItems                A B E F G H I J
    flushBatch              A B D E F F F F
    getBatchStatus          A A B B C C C D
    getAllBatchesForBaseId  - - A A B B B B
    getFlushHistory         A A A A A A A A
    getBatch                A A A A A A A A
    deleteBatch             A B B C D D D D
    markBatchFlushing       A B C D - - - -
    checkFlushTimers        A A - - - - - -
    triggerIntervalFlushes  A A - - - - - -
    scheduledIntervalFlush  - A B B D D D D
    collectBatchItems       - - - A A A A A
    maybeFlush              - - - - A A B B
    doFlushTransition       - - - - A A B C
    executeFlush            A A B C C C C C
    recordFlushResult       A B D E F F G H
"""
BODIES = {name: dict(zip(LABELS, letters, strict=True)) for name, *letters in map(str.split, MATRIX.split("\n")[1:-1])}

PUBLIC = {
    "addItems",
    "flushBatch",
    "getBatchStatus",
    "getAllBatchesForBaseId",
    "getFlushHistory",
    "deleteBatch",
    "triggerIntervalFlushes",
}
ITERATOR_PUBLIC = {
    "startIteratorJob",
    "pauseIteratorJob",
    "resumeIteratorJob",
    "cancelIteratorJob",
    "getIteratorJobStatus",
    "listIteratorJobs",
    "deleteIteratorJob",
}
ITERATOR_INTERNAL = {
    "getIteratorJob",
    "getIteratorJobById",
    "processNextBatch",
    "updateJobProgress",
    "markJobCompleted",
    "markJobFailed",
    "incrementRetryCount",
}
METHODS = {  # each method of any client, with arguments that it takes
    "flush": ("a",),
    "get_batch_status": ("a",),
    "get_flush_history": ("a",),
    "delete_batch": ("a",),
    "get_all_batches_for_base_id": ("a",),
    "trigger_interval_flushes": (),
    "list_dead_letters": (),
    "retry_dead_letter": ("a::0",),
    "discard_dead_letter": ("a::0",),
    "pause_iterator": ("j",),
    "resume_iterator": ("j",),
    "cancel_iterator": ("j",),
    "get_iterator_status": ("j",),
    "list_iterator_jobs": (),
    "delete_iterator_job": ("j",),
}

each_version = pytest.mark.parametrize("label", LABELS)
each_and_ours = pytest.mark.parametrize("label", OWN)


def by_name(label: str) -> dict[str, FunctionDefinition]:
    """Return the functions of the accumulator in a version, by name."""
    named = {path.partition(":")[2]: function for path, function in VERSIONS[label].functions.items()}
    return {name: function for name, function in named.items() if name in BODIES}


def test_these_are_the_versions_oldest_first() -> None:
    assert RELEASES == LABELS
    assert tuple(VERSIONS) == OWN


# -------------------------------------------------------------------------------------------------------- functions


@each_version
def test_a_row_names_the_functions_of_its_version_and_no_others(label: str) -> None:
    assert set(by_name(label)) == {name for name, letters in BODIES.items() if letters[label] != "-"}


@each_version
def test_the_public_functions_are_public_and_no_others(label: str) -> None:
    for name, function in by_name(label).items():
        assert function.is_public is (name in PUBLIC), name


@pytest.mark.parametrize("name", BODIES)
def test_versions_share_a_function_exactly_where_the_matrix_says_so(name: str) -> None:
    found = {label: by_name(label)[name] for label in LABELS if BODIES[name][label] != "-"}
    for label, function in found.items():
        for other, its_function in found.items():
            assert (function is its_function) is (BODIES[name][label] == BODIES[name][other]), (label, other)


@each_version
def test_a_function_stands_in_the_file_of_the_first_version_that_has_it(label: str) -> None:
    for name, function in by_name(label).items():
        first = next(other for other in LABELS if by_name(other).get(name) is function)
        assert function.handler.__module__.endswith(f".v{first.replace('.', '_')}"), name


@each_version
def test_modules_are_public_and_internal_in_0_x_and_lib_from_then_on(label: str) -> None:
    for path, function in VERSIONS[label].functions.items():
        if path.partition(":")[2] in BODIES:
            old = "public" if function.is_public else "internal"
            assert path.startswith(f"{old}:" if label.startswith("0.") else "lib:")


def test_no_function_of_the_accumulator_is_in_no_row() -> None:
    used = {id(function) for label in LABELS for function in by_name(label).values()}
    functions = [function for label in LABELS for function in by_name(label).values()]
    for module in {inspect.getmodule(function.handler) for function in functions}:
        for value in vars(module).values():
            assert not isinstance(value, FunctionDefinition) or id(value) in used, value.handler.__name__


# --------------------------------------------------------------------------------------------------- the iterator


@pytest.mark.parametrize(
    ("iterator", "public", "own"), [(ITERATOR_0_1_0, "public", "internal"), (ITERATOR_1_0_3, "lib", "lib")]
)
def test_the_iterator_has_these_functions_and_no_others(
    iterator: Mapping[str, FunctionDefinition], public: str, own: str
) -> None:
    paths = {path for path, definition in iterator.items() if definition.is_public}
    assert paths == {f"{public}:{name}" for name in ITERATOR_PUBLIC}
    assert iterator.keys() - paths == {f"{own}:{name}" for name in ITERATOR_INTERNAL}


@each_version
def test_every_version_has_the_same_iterator(label: str) -> None:
    version = VERSIONS[label]
    iterator = ITERATOR_0_1_0 if label.startswith("0.") else ITERATOR_1_0_3
    assert iterator.items() <= version.functions.items()
    assert version.schema.tables["iteratorJobs"] is VERSIONS["1.0.5"].schema.tables["iteratorJobs"]


@each_version
def test_a_row_names_nothing_besides_accumulator_and_iterator(label: str) -> None:
    assert len(VERSIONS[label].functions) == len(by_name(label)) + len(ITERATOR_1_0_3)


# ------------------------------------------------------------------------------------------- what functions refer to


def named_paths(function: FunctionType, known: Mapping[str, tuple[str, ...]], seen: set[str]) -> Iterator[str]:
    """Yield the paths that a function, and what it uses of the component's own helpers, names.

    It names them by references in `known`, or in its closure; a helper's parameter is called what its caller calls it.
    """
    seen.add(f"{function.__module__}.{function.__name__}")
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: cell.cell_contents for name, cell in cells}
    known = {**known, **{name: parts(value) for name, value in closure.items() if isinstance(value, Reference)}}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        root, *names = ast.unparse(node).split(".") if isinstance(node, ast.Attribute) else ("",)
        path = (*known[root], *map(to_camel, names)) if root in known else ()
        if len(path) == 2:
            yield ":".join(path)
        if isinstance(node, ast.Name) and node.id in function.__globals__:
            for used in helpers_of(function.__globals__[node.id]):
                if f"{used.__module__}.{used.__name__}" not in seen:
                    yield from named_paths(used, known, seen)


def parts(reference: Reference) -> tuple[str, ...]:
    return tuple(repr(reference).split(".")[1:])


def helpers_of(value: Any) -> Iterator[FunctionType]:
    """Yield the component's plain functions that a global is or holds."""
    held = attrs.asdict(value, recurse=False).values() if attrs.has(type(value)) else (value,)
    for one in held:
        if isinstance(one, FunctionType) and one.__module__.startswith("components."):
            yield one


def paths_of(function: FunctionDefinition) -> set[str]:
    assert isinstance(function.handler, FunctionType)
    return set(named_paths(function.handler, {"internal": ()}, set()))


@each_and_ours
def test_every_path_that_a_function_names_exists_in_its_version(label: str) -> None:
    functions = VERSIONS[label].functions
    for path, function in functions.items():
        assert paths_of(function) <= set(functions), path


@pytest.mark.parametrize(
    ("label", "name", "expected"),
    [
        ("0.1.0", "addItems", {"internal:executeFlush"}),
        ("0.2.0", "addItems", {"internal:executeFlush", "internal:scheduledIntervalFlush"}),
        ("1.0.3", "addItems", {"lib:executeFlush", "lib:scheduledIntervalFlush"}),
        ("1.0.6", "addItems", {"lib:maybeFlush", "lib:scheduledIntervalFlush"}),
        ("1.0.6", "recordFlushResult", {"lib:maybeFlush", "lib:scheduledIntervalFlush"}),
        ("1.0.7", "addItems", {"lib:maybeFlush"}),
        ("1.0.7", "recordFlushResult", {"lib:maybeFlush"}),
        ("1.0.7", "doFlushTransition", set()),
        ("1.0.9", "maybeFlush", {"lib:doFlushTransition", "lib:executeFlush"}),
    ],
)
def test_what_functions_name_is_found_behind_their_helpers_too(label: str, name: str, expected: set[str]) -> None:
    assert paths_of(by_name(label)[name]) == expected


# ----------------------------------------------------------------------------------------------------------- schema


TABLES = {
    "batches": {
        "0.1.0": "batchId items itemCount createdAt lastUpdatedAt status config",
        "0.2.0": "batchId items itemCount createdAt lastUpdatedAt status config scheduledFlushId",
        "1.0.3": "batchId baseBatchId sequence items itemCount createdAt lastUpdatedAt status config scheduledFlushId",
        "1.0.4": "batchId baseBatchId sequence itemCount createdAt lastUpdatedAt status config scheduledFlushId"
        " flushStartedAt",
        **dict.fromkeys(
            LABELS[4:],
            "batchId baseBatchId sequence createdAt lastUpdatedAt status config scheduledFlushId flushStartedAt",
        ),
    },
    "batchItems": dict.fromkeys(LABELS[3:], "batchDocId items itemCount createdAt"),
    "flushHistory": dict.fromkeys(LABELS, "batchId itemCount flushedAt durationMs success errorMessage"),
    "iteratorJobs": dict.fromkeys(
        LABELS,
        "jobId cursor processedCount status config retryCount errorMessage createdAt lastRunAt",
    ),
}
INDEXES = {
    "batches": {
        **dict.fromkeys(LABELS[:2], "by_batchId by_status"),
        **dict.fromkeys(LABELS[2:4], "by_batchId by_baseBatchId_status by_status"),
        **dict.fromkeys(LABELS[4:], "by_batchId by_baseBatchId_status by_baseBatchId_sequence by_status"),
    },
    "batchItems": dict.fromkeys(LABELS[3:], "by_batchDocId by_batchDocId_createdAt"),
    "flushHistory": dict.fromkeys(LABELS, "by_batchId"),
    "iteratorJobs": dict.fromkeys(LABELS, "by_jobId by_status"),
}


@each_version
def test_the_tables_of_a_version(label: str) -> None:
    tables = VERSIONS[label].schema.tables
    assert set(tables) == {name for name, versions in TABLES.items() if label in versions}
    for name, table in tables.items():
        document: Any = table.validator
        assert set(document.fields) == set(TABLES[name][label].split()), name
        assert set(table.indexes) == set(INDEXES[name][label].split()), name


# ----------------------------------------------------------------------------------------------------------- clients


class Recorder:
    """A ctx that answers with the name of what it was asked to call."""

    def run(self, function: Reference, args: object) -> str:
        child, path = parts_of(function)
        assert child == "batchProcessor"
        return path

    run_query = run_mutation = run_action = run

    def create_function_handle(self, name: object) -> str:
        return str(name)


def client_of(label: str) -> Any:
    make: Any = VERSIONS[label].client
    usual = {"maxBatchSize": 1, "flushIntervalMs": 1, "processBatch": "function://;m:f"}
    return make(components.batch_processor) if label.startswith("0.") else make(components.batch_processor, usual)


@each_and_ours
def test_what_a_client_calls_is_a_public_function_of_its_version(label: str) -> None:
    client = client_of(label)
    config: tuple[Any, ...] = ({},) if label.startswith("0.") else ()
    callbacks = ("function://;m:f", "function://;m:g")
    job = client.iterator_config(1, *callbacks)
    paths = [client.add_items(Recorder(), "a", [], *config), client.start_iterator(Recorder(), "j", job)]
    for name, args in METHODS.items():
        try:
            paths.append(getattr(client, name)(Recorder(), *args))
        except NotInThisVersionError as error:
            assert name == error.facts["method"]  # noqa: PT017 - which of the methods it has is the next test's
    functions = VERSIONS[label].functions
    assert sorted(paths) == sorted(path for path, function in functions.items() if function.is_public)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_a_version_lacks_names_those_that_have_it(name: str) -> None:
    having = []
    messages = []
    for label in OWN:
        try:
            getattr(client_of(label), name)
        except NotInThisVersionError as error:
            messages.append(str(error))
        else:
            having.append(label)
    expected = f"This version of the batch processor has no {name}. Versions that have it: {', '.join(having)}."
    assert messages == [expected] * (len(OWN) - len(having))
    assert having


def test_which_versions_those_are() -> None:
    with pytest.raises(NotInThisVersionError, match=r"have it: 0\.1\.0, 0\.2\.0, hardened\."):
        client_of("1.0.5").trigger_interval_flushes(Recorder())
    with pytest.raises(NotInThisVersionError, match=r"have it: 1\.0\.3, .*, 1\.0\.9, hardened\."):
        client_of("0.2.0").get_all_batches_for_base_id(Recorder(), "a")


# -------------------------------------------------------------------------------------------------------- components


@each_and_ours
def test_every_call_makes_a_component_of_its_own(label: str) -> None:
    first, second = component(label), component(label)
    assert first is not second
    assert first.name == "batchProcessor"
    assert sorted(first.functions) == sorted(VERSIONS[label].functions)


@pytest.mark.parametrize("make", [component, host_app])
def test_an_unknown_version_names_those_there_are(make: object) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=r"no version '9\.9\.9'.*There are: 0\.1\.0, .*1\.0\.5"):
        make("9.9.9")


def test_a_file_a_version_that_brought_something() -> None:
    files = {path.stem for path in Path(inspect.getfile(by_name("1.0.5")["addItems"].handler)).parent.glob("v*.py")}
    assert files == {f"v{label.replace('.', '_')}" for label in LABELS}
