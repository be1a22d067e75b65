"""Numbers and names as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
