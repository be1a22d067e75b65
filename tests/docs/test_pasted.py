"""Each block of commands in a document is run as pasted, or says why it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pasted import ROOT, blocks_to_run, make_home, paste

PAGES = sorted((ROOT / "docs").glob("*.md"))
# How the reference prints what to type is generated from the commands.
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *(page for page in PAGES if page.name != "cli.md"),
)
_BLOCK = re.compile(r"(?:<!-- (run|not run: [^>]+) -->\n)?^ *```(?:sh|cron)\n", re.MULTILINE)
_TEST = re.compile(r"\b(?:tests|benchmarks)/[\w/.]*\w")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_block_is_run_or_says_why_not(document: Path) -> None:
    text = document.read_text("utf-8")
    for block in _BLOCK.finditer(text):
        line = text[: block.end()].count("\n")
        assert block[1], f"{document.name}, line {line}: mark it run, or not run: why"
        for place in _TEST.findall(block[1]):
            assert (ROOT / place).exists(), f"{document.name}, line {line}: {place}"


# Its clips are to be composed, and no piece plays what a model of random weights makes: noise.
HEARD = {"tutorial"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_to_run(page)], ids=lambda page: page.stem
)
def test_the_commands_of_a_page_work_as_pasted(page: Path, tmp_path: Path, tiny: Path) -> None:
    home = make_home(tmp_path)
    for block in blocks_to_run(page):
        for command in block:
            paste(command, home, "spectral" if page.stem in HEARD else tiny)
