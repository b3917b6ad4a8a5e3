"""Colour: whether there is any, and what of a text has which.

Owns the styles, and the wishes of whoever sits there: `--color`, then NO_COLOR, FORCE_COLOR and TERM, then whether it
is a terminal at all. Texts are made without colours, everywhere; they are painted on their way out, by their words.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

__all__ = ["WHEN", "Paint", "is_wanted"]

WHEN: Final = ("auto", "always", "never")
_STYLES: Final[Mapping[str, str]] = {
    "broken": "1;31",  # bold red
    "held": "32",  # green
    "committed": "32",
    "conflicted": "33",  # yellow
    "aborted": "33",
    "faulted": "35",  # magenta
    "passed": "35",
    "head": "1",  # bold
    "hottest": "1;31",
    "hot": "33",
}
"""What is written between ``ESC [`` and ``m``, by kind: of a verdict, or of a moment (`trace/timeline.py`)."""
_WORDS: Final[Mapping[str, str]] = {
    "broken": r"\bBROKEN\b.*|^  broken: .*|^broken: .*",
    "held": r"(?<=: )(?:holds|nothing broke|no failure)\b|(?<= )holds in every order\b",
    "committed": r"\bcommits as ts \d+",
    "conflicted": r"\bconflicts in attempt \d+: .*",
    "aborted": r"\baborts attempt \d+: .*|(?<=  )throws .*",
    "faulted": r"\bFAULT .*",
    "hottest": r"█ [\d,]+",  # of a heat map
    "hot": r"[▓▒] [\d,]+",
    "head": r"^ *ms  who +what$|^replay it: .*",
}
_TOLD: Final = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _WORDS.items()), re.MULTILINE)


def is_wanted(when: str, stream: TextIO) -> bool:
    """Whether a stream is to have colours (no-color.org, force-color.org).

    Args:
        when: ``always``, ``never``, or ``auto``: as the environment says, else if it is a terminal that can.
        stream: to which they would go.

    """
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@frozen
class Paint:
    """Paints, or leaves everything as it is.

    Attributes:
        is_on: whether it paints.

    """

    is_on: bool

    def __call__(self, kind: str, text: str) -> str:
        """Return a text of a kind, painted; a kind without a style stays as it is."""
        style = _STYLES.get(kind)
        return f"\x1b[{style}m{text}\x1b[0m" if self.is_on and style is not None and text else text

    def story(self, text: str) -> str:
        """Return lines for people with what matters in them painted."""
        return _TOLD.sub(lambda found: self(found.lastgroup or "", found[0]), text) if self.is_on else text
