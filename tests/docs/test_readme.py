"""README is short, and its commands work as pasted, in the order in which they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pasted import ROOT, blocks_to_run, make_home, paste

README = ROOT / "README.md"
BLOCKS = blocks_to_run(README)
MOST_LINES = 160


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which all three walk one after the other."""
    return make_home(tmp_path_factory.mktemp("home"))


def test_readme_is_read_in_one_sitting_and_shows_three_ways_in() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES
    assert [len(block) for block in BLOCKS] == [5, 5, 5]


@pytest.mark.parametrize("block", BLOCKS, ids=["musician", "operator", "engineer"])
def test_the_first_commands_of_each_reader_work_as_pasted(
    block: list[str], home: Path, tiny: Path
) -> None:
    # The model is a small one of random weights, and few pairs: what is shown is that they work.
    for command in block:
        paste(command, home, tiny)
