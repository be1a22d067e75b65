"""Numbers and names as people read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nsynth_batch
from nsynth_batch.text import one_line, size, table


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (4_100_000, "4.1 MB"), (1e14, "100.0 TB")]
)
def test_size(count: float, words: str) -> None:
    assert size(count) == words


@given(st.text())
def test_a_name_is_one_printable_line(name: str) -> None:
    assert one_line(name).isprintable()


def test_other_scripts_stay_as_they_are() -> None:
    assert one_line("птица 鳥\n\x1b[31m") == r"птица 鳥\n\x1b[31m"


def test_a_table_is_aligned() -> None:
    assert table([["stage", "n"], ["audio", "100"]]) == "stage    n\naudio  100"
    rows = [
        ["run", "n", "command", "host"],
        ["a", "100", "run", "node"],
        ["b", "1", "harvest", "n"],
    ]
    assert table(rows, words=("command", "host")).splitlines() == [
        "run    n  command  host",
        "a    100  run      node",
        "b      1  harvest  n",
    ]


NOUNS = "clip|recording|thread|worker|shard|segment|mash-up|picture|figure|sound|pod"
PLURAL = re.compile(rf" (more |wav |new )?({NOUNS})s\b")
OF_A_SET = (" of ", "all ", "the ")


def test_a_number_and_its_noun_agree() -> None:
    """A number of things is written by `counted`, and not beside a noun that is always plural."""
    found = []
    for folder in ("commands", "doctor", "models", "pipeline", "reporting", "submit"):
        for file in sorted((Path(nsynth_batch.__file__).parent / folder).rglob("*.py")):
            for words in ast.walk(ast.parse(file.read_text("utf-8"))):
                parts = words.values if isinstance(words, ast.JoinedStr) else []
                texts = [str(getattr(part, "value", "")) for part in parts]
                for at, part in enumerate(parts[:-1]):
                    whole = at > 0 and texts[at - 1].endswith(OF_A_SET)
                    name = isinstance(part, ast.FormattedValue) and ast.unparse(part.value)
                    if name and not whole and not name.isupper() and PLURAL.match(texts[at + 1]):
                        found.append(f"{file.name}:{part.lineno}: {name}")
    assert found == []
