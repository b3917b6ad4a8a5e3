"""The trace page: a run, or two side by side, as one HTML file that needs nothing else.

Owns what is on the page: the drawing (`svg.py`) and the data (`page_data.py`); the reader's part is in `assets/page.*`
and the scripts beside it. How a file is put together stands in `html.py`.
"""

from __future__ import annotations

from typing import Final

from convexsim.errors import UsageError
from convexsim.trace.html import html_file
from convexsim.trace.page_data import PageRun, data_of
from convexsim.trace.svg import draw
from convexsim.trace.timeline import timeline

__all__ = ["PageRun", "page"]

_SCRIPTS: Final = ("run.js", "values.js", "panel.js", "tables.js", "page.js")


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
    title = f"{runs[0].scenario} · {'BROKEN' if runs[0].broken else 'nothing broke'} · convexsim"
    shown = "\n".join(f'<div class="drawing">{drawing}</div>' for drawing in drawings)
    return html_file("page", title, data, _SCRIPTS, drawings=shown)
