"""HTML files that need nothing else: a template, styles, a script and data, put together.

Owns how that is safe: nothing of a run can become markup. Data are JSON without an angle bracket, what stands in the
template is escaped by whoever gives it, and the policy of the file lets only its one script run and nothing be fetched.
The templates, styles and scripts are plain files, written by hand, in `assets/`.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from convexsim.trace.palette import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["html_file"]

_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def html_file(name: str, title: str, data: Any, scripts: Sequence[str], **parts: str) -> str:
    """Return the text of a file.

    Args:
        name: of its template and its style sheet, without ``.html`` and ``.css``.
        title: of the window; it is escaped.
        data: what its script reads, as plain JSON data.
        scripts: in the order in which they build on each other; together they are one script.
        parts: what else has its place in the template, as markup.

    """
    script = '"use strict";\n(() => {\n' + "\n".join(_asset(each) for each in scripts) + "})();\n"
    places = {
        "policy": _policy(script),
        "title": escape(title),
        "style": f":root{{{_colours(LIGHT)}}}\n{_dark(_colours(DARK))}\n{_asset(f'{name}.css')}",
        "data": _embedded(data),
        "script": script,
        **parts,
    }
    return _PLACE.sub(lambda place: places[place[1]], _asset(f"{name}.html"))


def _asset(name: str) -> str:
    return (files("convexsim.trace") / "assets" / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Return a content security policy: this script, styles of the page, and nothing from anywhere."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _embedded(data: Any) -> str:
    """Return data as JSON in which nothing can end the element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _colours(of: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in of.items())


def _dark(colours: str) -> str:
    """Return the rules for whoever prefers dark, and for whoever asks for it in the page."""
    preferred = f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{colours}}}}}"
    return f"{preferred}\n:root[data-theme=dark]{{{colours}}}"
