"""What MkDocs needs to make a site of these pages: the page of the component, and links that leave this folder.

Owns both alone; the pages read as well without a site. A link to a page that the site has under another name leads
there; of one to a file that it does not have, the words stay.
"""

from __future__ import annotations

import posixpath
import re
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = {"component.md": "components/batch_processor/README.md"}
"""Pages of the site that stand elsewhere, by their paths from the root."""
ELSEWHERE: Final = {"README.md": "index.md", **{source: page for page, source in COPIED.items()}}
_LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_DEFINED: Final = re.compile(r'^\[([^\]]+)\]: (\S+)(?: ".*")?\n?', re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere."""
    from mkdocs.structure.files import File

    for page, source in COPIED.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let every link lead to a page of the site, or be words."""
    source = COPIED.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts = re.split(r"(```.*?```)", _inline(markdown), flags=re.DOTALL)
    parts[::2] = [_LINK.sub(partial(_led, source=source), part) for part in parts[::2]]
    return "".join(parts)


def _inline(markdown: str) -> str:
    """Return a page in which every link says itself where it leads."""
    defined = dict(_DEFINED.findall(markdown))
    markdown = _DEFINED.sub("", markdown)
    for name, target in defined.items():
        used = rf"(?:\[([^\]\[]+)\])?\[{re.escape(name)}\](?![(\[:])"
        markdown = re.sub(used, lambda link, to=target, name=name: f"[{link[1] or name}]({to})", markdown)
    return markdown


def _led(link: re.Match[str], source: str) -> str:
    """Return a link as the site has it, of a page given by its path from the root."""
    words, target, anchor = link[1], link[2], link[3] or ""
    if ":" in target:
        return link[0]
    page = _page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
    here = next((copy for copy, at in COPIED.items() if at == source), source.removeprefix("docs/"))
    return words if page is None else f"[{words}]({posixpath.relpath(page, posixpath.dirname(here) or '.')}{anchor})"


def _page_of(path: str) -> str | None:
    """Return the page of the site for a path from the root: of a scenario its lesson; None if there is none."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    lesson = f"course/{Path(path).stem}.md"
    if path.startswith("scenarios/") and (ROOT / "docs" / lesson).exists():
        return lesson
    return ELSEWHERE.get(path)
