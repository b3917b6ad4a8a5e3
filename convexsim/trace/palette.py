"""The colours of pictures, for light and for dark, and what is drawn in them.

Owns the style sheet of an SVG that stands by itself. A page that holds one may set ``data-theme`` to ``light`` or
``dark`` on its root, whatever the system prefers. Both sets keep texts at a contrast of at least 4.5 to their ground.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DARK", "LIGHT", "STYLE"]

LIGHT: Final = {
    "paper": "#ffffff",
    "ink": "#1b2430",
    "faint": "#5d6b7c",
    "line": "#dde3ea",
    "hover": "#f1f5f9",
    "call": "#c9d4e2",
    "good": "#15803d",
    "read": "#2563a8",
    "bad": "#c8102e",
    "dull": "#8a5a00",
    "timer": "#6d4bc3",
}
"""By what they are for, on white: the three last are what went wrong by itself, and scheduled functions."""
DARK: Final = {
    "paper": "#12171f",
    "ink": "#e4eaf2",
    "faint": "#94a3b5",
    "line": "#2a3340",
    "hover": "#1b232e",
    "call": "#41506a",
    "good": "#4ade80",
    "read": "#74b3ff",
    "bad": "#ff7a85",
    "dull": "#e5b04e",
    "timer": "#b9a2ff",
}
"""The same on a dark ground."""


def _colours(of: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in of.items())


STYLE: Final = f"""
.run{{{_colours(LIGHT)}}}
@media (prefers-color-scheme:dark){{svg.run:root,:root:not([data-theme=light]) .run{{{_colours(DARK)}}}}}
[data-theme=dark] .run{{{_colours(DARK)}}}
.run{{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}}
.run text{{fill:var(--ink)}}
.run .paper{{fill:var(--paper)}}
.run .row{{fill:transparent}}
.run .moment:hover .row{{fill:var(--hover);fill-opacity:.5}}
.run .lane line{{stroke:var(--line)}}
.run .lane text{{font-weight:600}}
.run .platform text{{fill:var(--faint);font-weight:400}}
.run .time,.run .step,.run .legend text{{fill:var(--faint);font-size:11px}}
.run .time,.run .step{{text-anchor:end}}
.run .step{{opacity:.75}}
.run .jump{{stroke:var(--line);stroke-dasharray:2 4}}
.run .call rect{{fill:var(--call);fill-opacity:.55}}
.run .call.threw rect{{stroke:var(--bad)}}
.run .attempt rect{{fill:var(--faint)}}
.run .attempt.committed rect{{fill:var(--good)}}
.run .attempt.read rect{{fill:var(--read)}}
.run .attempt.conflicted rect{{fill:var(--bad)}}
.run .attempt.aborted rect,.run .attempt.failed rect,.run .attempt.lost rect{{fill:var(--dull)}}
.run .pending line{{stroke:var(--timer);stroke-width:1.5;stroke-dasharray:1 4;stroke-linecap:round}}
.run .wait line{{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:3 3}}
.run .stop{{stroke:var(--timer);stroke-width:2;fill:none}}
.run circle{{fill:var(--paper);stroke:var(--faint);stroke-width:1.6}}
.run .committed circle{{stroke:var(--good);fill:var(--good)}}
.run .conflicted circle{{stroke:var(--bad);fill:var(--bad)}}
.run .faulted circle,.run .aborted circle{{stroke:var(--dull);fill:var(--dull)}}
.run .conflicted .label,.run .broken .label{{fill:var(--bad);font-weight:600}}
.run .faulted .label,.run .aborted .label{{fill:var(--dull)}}
.run .called .label{{font-weight:600}}
.run .ended .label,.run .passed .label{{fill:var(--faint)}}
.run .broken .row{{fill:var(--bad);fill-opacity:.12}}
.run .conflict path{{fill:none;stroke:var(--bad);stroke-width:1.5}}
.run .conflict text{{fill:var(--bad);font-size:10.5px}}
.run .scheduled path,.run .canceled path{{fill:none;stroke:var(--timer);stroke-width:1.3}}
.run .scheduled text{{fill:var(--timer);font-size:11px}}
.run .conflict .tip{{fill:var(--bad);stroke:none}}
.run .scheduled .tip,.run .canceled .tip{{fill:var(--timer);stroke:none}}
""".replace("\n", "")
