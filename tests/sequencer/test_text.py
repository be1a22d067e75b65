from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.text import clock, flattened


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0:00"),
        (0.4, "0:00"),
        (59.6, "1:00"),
        (3599.4, "59:59"),
        (3599.6, "1:00:00"),
        (4500, "1:15:00"),
        (360_005, "100:00:05"),
    ],
)
def test_durations_are_told_as_a_clock_does(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@given(st.text())
@settings(deadline=None)
def test_any_text_becomes_one_line(text: str) -> None:
    line = flattened(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert all(unicodedata.category(c) != "Cc" for c in line)
    assert flattened(line) == line


def test_other_scripts_are_left_as_they_are() -> None:
    # The zero-width non-joiner is part of how this Persian word is spelt.
    assert flattened("می\u200cکند") == "می\u200cکند"
    assert flattened("a\u202eb\u2028c\t d") == "a b c d"
