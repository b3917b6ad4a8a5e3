"""The trace page: a run, or two side by side, as one HTML file that needs nothing else.

Owns how the file is put together: the drawing (`svg.py`), the data (`page_data.py`), style and script (`assets/`, plain
files written by hand). Nothing of a run can become markup: texts in the drawing are escaped, the data are JSON without
an angle bracket, and the policy of the page lets only this one script run and nothing be fetched.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from convexsim.errors import UsageError
from convexsim.trace.page_data import PageRun, data_of
from convexsim.trace.palette import DARK, LIGHT
from convexsim.trace.svg import draw
from convexsim.trace.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PageRun", "page"]

_SCRIPTS: Final = ("run.js", "values.js", "panel.js", "tables.js", "page.js")
"""In the order in which they build on each other; together they are one script."""
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def page(*runs: PageRun) -> str:
    """Return the text of an HTML file that shows a run, or compares two.

    Args:
        runs: one or two, each with its events; of two the failing one first.

    Raises:
        UsageError: there is nothing to show.

    """
    timelines = [timeline(run.trace) for run in runs]
    if not all(each.moments for each in timelines):
        raise UsageError("Nothing happened in this run, so there is no page of it.", next_step="Give a client a call.")
    data = [data_of(run, each) for run, each in zip(runs, timelines, strict=True)]
    drawings = [draw(each, f"The run of {run.scenario}") for run, each in zip(runs, timelines, strict=True)]
    script = '"use strict";\n(() => {\n' + "\n".join(_asset(name) for name in _SCRIPTS) + "})();\n"
    parts = {
        "policy": _policy(script),
        "title": escape(f"{runs[0].scenario} · {'BROKEN' if runs[0].broken else 'nothing broke'} · convexsim"),
        "style": f":root{{{_colours(LIGHT)}}}\n{_dark(_colours(DARK))}\n{_asset('page.css')}",
        "drawings": "\n".join(f'<div class="drawing">{drawing}</div>' for drawing in drawings),
        "data": _embedded(data),
        "script": script,
    }
    return _PLACE.sub(lambda place: parts[place[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (files("convexsim.trace") / "assets" / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Return a content security policy: this script, styles of the page, and nothing from anywhere."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _colours(of: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in of.items())


def _dark(colours: str) -> str:
    """Return the rules for whoever prefers dark, and for whoever asks for it in the page."""
    preferred = f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{colours}}}}}"
    return f"{preferred}\n:root[data-theme=dark]{{{colours}}}"


def _embedded(data: Sequence[object]) -> str:
    """Return data as JSON that ends no element: `<` is spelled as JavaScript reads it, too."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
