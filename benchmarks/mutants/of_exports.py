"""Mutants of the forms of a run for other readers: diagrams, traces of other tools, terminals, JSON lines."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

MERMAID: Final = "convexsim/trace/mermaid.py"
PERFETTO: Final = "convexsim/trace/perfetto.py"
COMPACT: Final = "convexsim/trace/compact.py"
READING: Final = "convexsim/trace/reading.py"
HTML: Final = "convexsim/trace/html.py"
RECORD: Final = "convexsim/testing/record.py"

OF_EXPORTS: Final = ("tests/trace/test_exports.py",)
OF_READING: Final = ("tests/trace/test_reading.py", "tests/trace/test_event.py")
OF_PLUGIN: Final = ("tests/testing/test_pytest_plugin.py",)

MUTANTS: Final = (
    # -------------------------------------------------------------------------------------------------------- Mermaid
    Mutant(
        MERMAID,
        'return _SAFE.sub(lambda found: f"#{ord(found[0])};", flat)',
        "return flat",
        "words may be markup in a diagram",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        'flat = _TITLED.sub(" ", text).strip()',
        "flat = text",
        "a line break in a word is told as an entity",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        "told[-(MOST_MOMENTS - MOST_MOMENTS // 3) :]",
        "told[-(MOST_MOMENTS - MOST_MOMENTS // 3) - 1 :]",
        "a diagram that is cut tells a moment more",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        "        if moment.index != before + 1:\n",
        "        if False:\n",
        "a diagram does not say that it leaves out something",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        '        yield f"DB{arrow}{who}: {said}"\n',
        '        yield f"{who}{arrow}DB: {said}"\n',
        "in a diagram it is the database that loses a conflict",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        'return f"{start}--x{end}: {_words(hit)}"',
        'return f"{end}--x{start}: {_words(hit)}"',
        "in a diagram whoever lost has hit the winner",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        "            at_ms = moment.at_ms\n",
        "",
        "a diagram tells the time again and again",
        OF_EXPORTS,
    ),
    Mutant(
        MERMAID,
        "if arrow.moment == moment.index)",
        "if arrow.moment <= moment.index)",
        "a diagram tells each message again at each later moment",
        OF_EXPORTS,
    ),
    # ------------------------------------------------------------------------------------------------------- Perfetto
    Mutant(
        PERFETTO,
        'waits = span.kind in ("wait", "pending")',
        'waits = span.kind == "wait"',
        "what is scheduled is pending before it is scheduled",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        "(0 if waits and span.outcome in _FOLLOWED else _LAST_OF_STEP)",
        "_LAST_OF_STEP",
        "a wait goes on beside what it waited for",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        "_SCHEDULED if self._timeline.lanes[lane].client is None else _CLIENTS",
        "_CLIENTS if self._timeline.lanes[lane].client is None else _SCHEDULED",
        "clients stand among the scheduled functions",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        'yield {"ph": "f", "bp": "e", "id": number, **told, **self._at(arrow.end)',
        'yield {"ph": "f", "bp": "e", "id": number, **told, **self._at(arrow.start)',
        "an arrow ends where it begins",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        '{"pid": pid, "tid": lane * _MOST_SLOTS + slot + 1}',
        '{"pid": pid, "tid": lane + slot + 1}',
        "the slots of one lane are the lanes of others",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        'sort_keys=True) + "\\n"',
        'sort_keys=False) + "\\n"',
        "the fields of trace events come in no order",
        OF_EXPORTS,
    ),
    Mutant(
        PERFETTO,
        "            if moment.place is None:\n",
        "            if False:\n",
        "trace events do not tell what was broken",
        OF_EXPORTS,
    ),
    # ---------------------------------------------------------------------------------------------------- a terminal
    Mutant(
        COMPACT,
        'drawn[end] = "✗" if arrow.kind != "scheduled" else "▶" if end > start else "◀"',
        'drawn[end] = "✗" if arrow.kind != "scheduled" else "▶"',
        "who schedules to the left points to the right",
        OF_EXPORTS,
    ),
    Mutant(
        COMPACT,
        'drawn[end] = "✗" if arrow.kind != "scheduled" else "▶" if end > start else "◀"',
        'drawn[end] = "✗" if arrow.kind == "conflict" else "▶" if end > start else "◀"',
        "at a terminal a cancel looks like a schedule",
        OF_EXPORTS,
    ),
    Mutant(
        COMPACT,
        "range(min(start, end) + 1, max(start, end))",
        "range(start + 1, end)",
        "an arrow to the left has no shaft",
        OF_EXPORTS,
    ),
    Mutant(
        COMPACT,
        "        self._room = max(width - beside - self._pitch * self._columns[-1], 0)\n",
        "        self._room = max(width - beside, 0)\n",
        "lines are longer than the terminal is wide",
        OF_EXPORTS,
    ),
    # --------------------------------------------------------------------------------------------------- lines of JSON
    Mutant(
        READING,
        '    "late": lambda told: tuple((activity, phase) for activity, phase in told),\n',
        "",
        "who was passed over by a late step is read back as lists",
        OF_READING,
    ),
    Mutant(
        READING,
        'return bytes.fromhex(told["hex"])',
        'return told["hex"].encode()',
        "keys are read back as their spelling",
        OF_READING,
    ),
    Mutant(
        READING,
        '    "args": from_json,\n',
        "",
        "arguments are read back as JSON",
        OF_READING,
    ),
    Mutant(
        READING,
        "return None if told is None else from_json(told)",
        "return from_json(told)",
        "what was inserted is read back as an update of null",
        OF_READING,
        "null is read as None too",
    ),
    Mutant(
        READING,
        "        except (AttributeError, KeyError, TypeError, ValueError) as error:\n",
        "        except ValueError as error:\n",
        "a line that is no event is a bug of convexsim",
        OF_READING,
    ),
    # ---------------------------------------------------------------------------------------------------------- pages
    Mutant(
        HTML,
        '"title": escape(title),',
        '"title": title,',
        "the title of a page may be markup",
        OF_EXPORTS,
    ),
    Mutant(
        HTML,
        "digest = b64encode(sha256(script.encode()).digest()).decode()",
        "digest = b64encode(sha256(script.strip().encode()).digest()).decode()",
        "the policy of a page forbids its own script",
        ("tests/test_show.py", "tests/cli/test_page.py", "tests/trace/test_page_in_chromium.py"),
    ),
    Mutant(
        RECORD,
        "        write_run(folder, error.run, error.replay, error.command)\n",
        "        pass\n",
        "a report of a failure holds its story alone",
        OF_PLUGIN,
    ),
)
