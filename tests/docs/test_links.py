"""Every file that the documents link to, or name by its path, is there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
SCRIPTS = (".py", ".ipynb")
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_CODE = re.compile(r"`([^`\s]+)`")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PATH = re.compile(r"[\w.<>*/-]+")
# What has another ending may as well be a path inside a store.
_MODULE = re.compile(r"[\w.<>*/-]+\.(?:py|toml|cpp|hpp)")
# What is inside a package is named from there, too.
PACKAGES = ("", "nsynth_batch", "hdfs_jobs", "sequencer", "k8s")


def links(document: Path) -> Iterator[str]:
    """Yield what the relative links of a document name."""
    for target in _LINK.findall(_FENCED.sub("", document.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield target


def paths(document: Path) -> Iterator[str]:
    """Yield code of a document that is the path of a file or folder of the repository."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"build"}
    for code in _CODE.findall(_FENCED.sub("", document.read_text("utf-8"))):
        first, slash, _ = code.partition("/")
        is_ours = slash and first in folders and _PATH.fullmatch(code)
        in_package = slash and _MODULE.fullmatch(code) and is_folder_of_a_package(first)
        if is_ours or in_package:
            yield code


def is_folder_of_a_package(name: str) -> bool:
    return any((ROOT / package / name).is_dir() for package in PACKAGES)


def exists(path: str) -> bool:
    """Whether there is a file of a path; ``<name>`` in it stands for any."""
    form = re.sub(r"<[^<>]*>", "*", path.rstrip("/"))
    return any(next(iter((ROOT / package).glob(form)), None) for package in PACKAGES)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCED.sub("", document.read_text("utf-8")))
    return {anchor(heading) for heading in headings}


def anchor(heading: str) -> str:
    kept = (c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    for target in links(document):
        file, _, fragment = unquote(target).partition("#")
        linked = document.parent / file if file else document
        assert linked.exists(), f"{document.name} links to {target}"
        if fragment:
            assert fragment in anchors(linked), f"{document.name} links to {target}"
    wrong = [path for path in paths(document) if not exists(path)]
    assert not wrong, f"{document.name} names {wrong}"


def test_the_index_lists_every_page_and_readme_leads_to_it() -> None:
    listed = {target.partition("#")[0] for target in links(ROOT / "docs" / "index.md")}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= listed
    assert "docs/index.md" in links(ROOT / "README.md")


def test_the_list_of_examples_is_whole() -> None:
    names = {path.name for path in (ROOT / "examples").iterdir() if path.suffix in SCRIPTS}
    assert names == {name for name in links(ROOT / "examples/README.md") if name.endswith(SCRIPTS)}


def test_links_and_paths_are_found_where_they_stand(tmp_path: Path) -> None:
    text = (
        "See [a](docs/rights.md#x), [b](https://example.org/docs/y.md).\n"
        "`nsynth_batch/lost.py`, `pipeline/lost.py`, `tests/data/`, `a/b`.\n"
        "`nsynth_batch/<x>/lost.py`\n"
        "```sh\ncat `docs/no.md`\n```\n"
    )
    document = tmp_path / "page.md"
    document.write_text(text, encoding="utf-8")
    assert list(links(document)) == ["docs/rights.md#x"]
    found = list(paths(document))
    assert found[:3] == ["nsynth_batch/lost.py", "pipeline/lost.py", "tests/data/"]
    assert found[3:] == ["nsynth_batch/<x>/lost.py"]
    assert [path for path in found if not exists(path)] == [*found[:2], found[3]]
    assert len(list(chain(*map(paths, DOCUMENTS)))) > 50
    assert anchor("What a precision loses, `auto`") == "what-a-precision-loses-auto"
