"""Lines on how far a command is."""

from __future__ import annotations

import pytest

from sequencer.commands import progress


def test_the_end_is_printed_where_a_line_was_and_only_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = progress.Progress("clips drawn:")
    for number in range(1, 81):
        quick(number, 80)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    slow = progress.Progress("clips drawn:")
    slow(36, 80)
    monkeypatch.setattr(progress, "SECONDS", 1e6)
    slow(37, 80)
    for _ in range(2):
        slow(80, 80)
    printed = capsys.readouterr().err.splitlines()
    assert (printed[0], printed[-1]) == ("clips drawn: 36 of 80", "clips drawn: 80 of 80")
    assert printed.count(printed[-1]) == 1
