"""Corpora: lists of what a model was trained on, named by their digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.clips import Clip, read_clips, write_clips_jsonl
from sequencer.clips.corpus import Corpus, read_corpus
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow
from tests.sequencer.corpora import corpus

any_text = st.text(max_size=12)
rows = st.builds(
    SourceRow,
    st.text(min_size=1, max_size=8).filter(lambda name: name.strip()),
    st.builds(
        Rights,
        any_text,
        any_text,
        st.sampled_from(["CC-BY-4.0", "LicenseRef-odd OR MIT", ""]),
        any_text,
        any_text,
        any_text,
    ),
    st.lists(any_text, max_size=2).map(tuple),
    any_text,
    st.floats(0, 1e9),
)


@given(st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: row.file))
@settings(max_examples=80, deadline=None)
def test_a_corpus_is_read_as_it_was_written_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, listed: list[SourceRow]
) -> None:
    made = Corpus.of(listed)
    assert Corpus.of(reversed(listed)) == made
    assert Corpus.of(made.recordings) == made
    folder = tmp_path_factory.mktemp("corpus")
    clips = [Clip(f"c{n}", f"c{n}.wav", trained_on=made) for n in range(3)]
    write_clips_jsonl(folder, clips)
    assert read_clips(folder) == clips
    assert {path.name for path in folder.iterdir()} == {
        f"{made.digest}.sources.csv",
        "clips.jsonl",
    }


def test_clips_of_one_model_share_their_corpus(tmp_path: Path) -> None:
    write_clips_jsonl(
        tmp_path, [Clip(f"c{n}", f"c{n}.wav", trained_on=corpus(50)) for n in range(9)]
    )
    first, *others = read_clips(tmp_path)
    assert first.trained_on == corpus(50)
    assert all(clip.trained_on is first.trained_on for clip in others)


def test_one_recording_stands_for_each_licence() -> None:
    made = corpus(8_000)
    assert {rights.licence: rights.others for rights in made.rights} == {
        "CC-BY-4.0": 3_999,
        "CC0-1.0": 3_999,
    }
    assert made.seconds == sum(row.seconds for row in made.recordings) > 0
    assert made.recordings[7].file in made.ids


def test_a_list_that_is_missing_or_changed_is_refused(tmp_path: Path) -> None:
    made = corpus(5)
    write_clips_jsonl(tmp_path, [Clip("c", "c.wav", trained_on=made)])
    path = tmp_path / f"{made.digest}.sources.csv"
    path.write_bytes(path.read_bytes().replace(b"Author 1", b"Nobody 1"))
    with pytest.raises(SequencerError, match="is not the list that the clips name"):
        read_clips(tmp_path)
    path.unlink()
    with pytest.raises(SequencerError, match=r"sources\.csv is missing"):
        read_clips(tmp_path)
    listed = tmp_path / "clips.jsonl"
    for wrong in ("../../etc/passwd", "ABC"):
        listed.write_text(listed.read_text().replace(made.digest, wrong))
        with pytest.raises(SequencerError, match="line 1, field 'trained_on': 64 hexadecimal"):
            read_clips(tmp_path)
        listed.write_text(listed.read_text().replace(wrong, made.digest))


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ([], "at least one recording"),
        ([SourceRow("a", Rights()), SourceRow("a", Rights(title="b"))], "listed twice"),
        ([SourceRow("a", Rights(licence="CC BY"))], "no SPDX expression"),
    ],
)
def test_what_is_no_corpus_is_refused(listed: list[SourceRow], why: str) -> None:
    with pytest.raises(SequencerError, match=why):
        Corpus.of(listed)


def test_another_recording_is_another_corpus(tmp_path: Path) -> None:
    made = corpus(3)
    first, *others = made.recordings
    assert Corpus.of([replace(first, seconds=1.5), *others]).digest != made.digest
    with pytest.raises(SequencerError, match="missing"):
        read_corpus(tmp_path, made.digest)
