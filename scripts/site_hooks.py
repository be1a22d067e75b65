"""Take what docs/ links to elsewhere in the repository into the site; mkdocs calls this.

A page of docs/ is at its own place in the site, any other file of the repository under
`repository/`. Links stay as they are in the documents, where other readers follow them too.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
_DOCS, _ELSEWHERE = "docs/", "repository/"
# What is code is no link.
_PARTS = re.compile(r"(?ms)(^ *```.*?^ *```$|``.*?``|`[^`]*`)|\]\(([^()\s]+)\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files of the repository that documents link to, and what those link to."""
    left = [_place_in_repository(file.src_uri) for file in files.documentation_pages()]
    seen = set(left)
    while left:
        document = left.pop()
        text = (ROOT / document).read_text("utf-8")
        for target in (match[2] for match in _PARTS.finditer(text)):
            linked = _linked(document, target) if target else None
            if linked is None or linked in seen or not (ROOT / linked).is_file():
                continue
            seen.add(linked)
            if not linked.startswith(_DOCS):
                place = _place_in_site(linked)
                path = str(ROOT / linked)
                files.append(
                    File.generated(
                        config, place, abs_src_path=path, inclusion=InclusionLevel.NOT_IN_NAV
                    )
                )
            if linked.endswith(".md"):
                left.append(linked)
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Make the links of a page lead to where the files are in the site."""
    here = page.file.src_uri
    document = _place_in_repository(here)

    def moved(match: re.Match[str]) -> str:
        linked = _linked(document, match[2]) if match[2] else None
        if linked is None:
            return match[0]
        _, hash_sign, fragment = match[2].partition("#")
        place = posixpath.relpath(_place_in_site(linked), posixpath.dirname(here) or ".")
        return f"]({place}{hash_sign}{fragment})"

    return _PARTS.sub(moved, markdown)


def _linked(document: str, target: str) -> str | None:
    """Return the path in the repository of what a document links to; None for another site."""
    file = unquote(target.partition("#")[0])
    if not file or re.match(r"[a-z]+:", target):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), file))


def _place_in_site(path: str) -> str:
    return path.removeprefix(_DOCS) if path.startswith(_DOCS) else _ELSEWHERE + path


def _place_in_repository(place: str) -> str:
    return place.removeprefix(_ELSEWHERE) if place.startswith(_ELSEWHERE) else _DOCS + place
