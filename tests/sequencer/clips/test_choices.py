from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.choices import Choice, read_choices, write_choices
from sequencer.errors import SequencerError

ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(ids, st.sampled_from(["keep", "reject"]), max_size=8))
@settings(deadline=None)
def test_choices_come_back(choices: dict[str, Choice]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "choices.json"
        write_choices(path, choices)
        assert read_choices(path) == choices


def test_a_file_comes_back_and_lies_alone(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    write_choices(path, {"b": "keep", "a": "reject"})
    write_choices(path, {"b": "keep", "a": "keep", "…": "reject"})
    assert read_choices(path) == {"a": "keep", "b": "keep", "…": "reject"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["choices.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "an object in braces"),
        ('{"schema": "sequencer-score"}', "field 'schema': not a choices file"),
        ('{"schema": "sequencer-choices", "version": 2}', "reads version 1, not 2"),
        (
            '{"schema": "sequencer-choices", "version": 1, "choices": {"a": "maybe"}}',
            "field 'a': must be one of keep, reject, not \"maybe\"",
        ),
        ('{"schema": \n nonsense', "line 2, column 2: not JSON"),
        ("\xff", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "choices.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SequencerError, match=r"choices\.json") as caught:
        read_choices(path)
    assert words in str(caught.value)
