from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.clips import Clip, Parent, read_clips, read_folder, write_clips_jsonl
from sequencer.composing.candidates import find_candidates
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from tests.sequencer.sounds import RATE, encoded, noise, pluck, tone

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
parents = st.builds(
    Parent,
    file_id=texts,
    segment=st.integers(0, 9999),
    start_seconds=st.floats(0, 1e6),
    rights=st.builds(Rights, texts, texts, st.just("CC-BY-4.0 OR MIT"), texts, texts, texts),
    categories=st.lists(texts, max_size=3).map(tuple),
    weights=st.lists(st.floats(0, 1), max_size=5).map(tuple),
)
clips = st.builds(
    Clip,
    clip_id=texts,
    file=st.sampled_from(["a.wav", "b/ç d.wav", "line\nbreak.wav", "..odd.wav"]),
    sample_rate=st.integers(0, 10**6),
    samples=st.integers(0, 10**12),
    seconds=st.floats(0, 1e9),
    mash_id=texts,
    seed=st.integers(0, 2**64 - 1),
    temperature=numbers,
    measures=st.dictionaries(texts, numbers, max_size=3),
    verdict=texts,
    verdict_reason=texts,
    parents=st.lists(parents, max_size=2).map(tuple),
    made_with=st.dictionaries(texts, texts, max_size=3),
)


@given(st.lists(clips, min_size=1, max_size=4, unique_by=lambda clip: clip.clip_id))
@settings(max_examples=40, deadline=None)
def test_clips_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[Clip]
) -> None:
    folder = tmp_path_factory.mktemp("export")
    path = write_clips_jsonl(folder, iter(written))
    assert path.read_bytes().count(b"\n") == len(written)
    assert read_clips(folder) == written


def test_the_fields_are_those_of_the_schema(tmp_path: Path) -> None:
    write_clips_jsonl(tmp_path, [Clip("c", "c.wav", parents=(Parent("p"),))])
    (line,) = (tmp_path / "clips.jsonl").read_text().splitlines()
    value = json.loads(line)
    assert list(value) == [
        *("clip_id", "file", "sample_rate", "samples", "seconds", "mash_id", "seed"),
        *("temperature", "measures", "verdict", "verdict_reason", "parents", "made_with"),
    ]
    assert list(value["parents"][0]) == [
        *("file_id", "segment", "start_seconds", "title", "author", "licence", "licence_url"),
        *("page_url", "attribution", "categories", "weights"),
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_clips_jsonl(tmp_path, [Clip("old", "old.wav")])

    def broken() -> object:
        yield Clip("new", "new.wav")
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_clips_jsonl(tmp_path, broken())
    assert [clip.clip_id for clip in read_clips(tmp_path)] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["clips.jsonl"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not a line of JSON"),
        ("[" * 100_000, "not a line of JSON"),
        ("[]", "an object in braces is expected"),
        ('{"clip_id": "b"}', "field 'file' is missing"),
        ('{"clip_id": 7, "file": "b.wav"}', "field 'clip_id': text is expected, not 7"),
        ('{"clip_id": "b", "file": "../../b.wav"}', "field 'file': a path inside"),
        ('{"clip_id": "b", "file": "/etc/passwd"}', "field 'file': a path inside"),
        ('{"clip_id": "b", "file": ""}', "field 'file': a path inside"),
        ('{"clip_id": "a", "file": "b.wav"}', "clip_id 'a' is there twice"),
        ('{"clip_id": "b", "file": "b.wav", "seconds": NaN}', "field 'seconds': a finite number"),
        ('{"clip_id": "b", "file": "b.wav", "samples": -1}', "field 'samples': must be at least 0"),
        (
            '{"clip_id": "b", "file": "b.wav", "parents": [{"file_id": "p", "licence": "CC BY"}]}',
            "parents[0], field 'licence'",
        ),
        (
            '{"clip_id": "b", "file": "b.wav", "parents": [{"file_id": "p", "weights": ["x"]}]}',
            "parents[0], field 'weights': a list of numbers",
        ),
        (
            '{"clip_id": "b", "file": "\udcff"}'.encode("utf-8", "surrogateescape"),
            "not a line of JSON",
        ),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, line: str | bytes, words: str) -> None:
    data = line if isinstance(line, bytes) else line.encode()
    (tmp_path / "clips.jsonl").write_bytes(b'{"clip_id": "a", "file": "a.wav"}\n\n' + data + b"\n")
    with pytest.raises(SequencerError) as caught:
        read_clips(tmp_path)
    assert "clips.jsonl, line 3" in str(caught.value)
    assert words in str(caught.value)


def test_a_plain_folder_takes_rights_from_sources_csv(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ["b.WAV", "a b.flac", "deep/c.ogg", ".d.wav", ".hidden/e.wav", "notes.txt"]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "piece.wav").write_bytes(b"")
    (tmp_path / "piece.score.json").write_text("{}")
    (tmp_path / "sources.csv").write_text(
        "file,author,licence,category\na b.flac,Ann,CC-BY-4.0,music;sea\ndeep/c.ogg,Cid,,\n"
    )
    found = {clip.file: clip.parents[0] for clip in read_clips(tmp_path)}
    assert list(found) == ["a b.flac", "b.WAV", "deep/c.ogg"]
    assert found["a b.flac"].rights.author == "Ann"
    assert found["a b.flac"].rights.title == "a b"
    assert found["a b.flac"].categories == ("music", "sea")
    assert not found["b.WAV"].rights.known
    assert (found["deep/c.ogg"].rights.author, found["deep/c.ogg"].rights.known) == ("Cid", False)


def test_nothing_to_compose_with(tmp_path: Path) -> None:
    with pytest.raises(SequencerError, match="holds no sound file"):
        read_clips(tmp_path)
    (tmp_path / "clips.jsonl").write_text("\n")
    with pytest.raises(SequencerError, match="lists no clip"):
        read_clips(tmp_path)
    with pytest.raises(SequencerError, match="none is not there; give a clips export"):
        read_clips(tmp_path / "none")


def test_odd_clips_are_read_or_left_out_by_name(tmp_path: Path) -> None:
    sounds = {
        "plain.wav": encoded(pluck(1.0)),
        "fast.wav": encoded(np.repeat(pluck(1.0, 300), 6), rate=96_000),
        "wide.flac": encoded(np.stack([pluck(1.0, 700)] * 8, axis=1), "FLAC"),
        "empty.wav": encoded(np.zeros(0)),
        "short.wav": encoded(tone(0.01)),
        "text.wav": b"no sound",
        "cut.wav": encoded(pluck(1.0))[:9000],
        "held.wav": encoded(tone(1.0)),
        "hiss.wav": encoded(noise(1.0)),
        "zero.wav": encoded(np.zeros(RATE)),
    }
    for name, data in sounds.items():
        (tmp_path / name).write_bytes(data)
    names = [*sounds, "missing.wav"]
    write_clips_jsonl(tmp_path, [Clip(name, name) for name in names])
    found = find_candidates(tmp_path)
    rates = {item.clip.file: item.clip.sample_rate for item in found.candidates}
    assert rates == {"plain.wav": RATE, "fast.wav": 96_000, "wide.flac": RATE}
    assert {item.length for item in found.candidates} == {RATE}
    reasons = {
        "empty.wav": "empty",
        "short.wav": "too-short",
        "text.wav": "not-audio",
        "cut.wav": "truncated",
        "held.wav": "tone",
        "hiss.wav": "noise",
        "zero.wav": "silence",
        "missing.wav": "No such file",
    }
    *notes, summary = found.notes
    assert "clips rejected as" in summary
    assert len(notes) == len(reasons)
    for name, reason in reasons.items():
        assert any(f"'{name}': {reason}" in note for note in found.notes), (name, found.notes)
    kept = {
        item.clip.file: item.clip.verdict
        for item in find_candidates(tmp_path, keep_all=True).candidates
    }
    assert kept.items() >= {("held.wav", "tone"), ("hiss.wav", "noise"), ("zero.wav", "silence")}


def test_when_all_are_bad_the_way_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(noise(1.0)))
    (tmp_path / "b.wav").write_bytes(encoded(noise(1.0, seed=2)))
    (tmp_path / "c.wav").write_bytes(b"")
    write_clips_jsonl(tmp_path, [Clip(name, name) for name in ["a.wav", "b.wav", "c.wav"]])
    with pytest.raises(SequencerError, match=r"2 noise, 1 unreadable.*train.*--keep-all"):
        find_candidates(tmp_path)
    for name in ["a.wav", "b.wav"]:
        (tmp_path / name).write_bytes(b"text")
    with pytest.raises(SequencerError, match=r"none of the 3 clips .* can be read"):
        find_candidates(tmp_path)


def test_sounds_of_ones_own_are_left_out_only_when_nothing_is_to_hear(tmp_path: Path) -> None:
    sounds = {
        "clipped.wav": np.clip(8 * pluck(2.0), -1, 1),
        "held.wav": tone(1.0),
        "hiss.wav": noise(1.0),
        "offset.wav": np.full(RATE, 0.4),
        "plain.wav": pluck(1.0),
        "zero.wav": np.zeros(RATE),
    }
    for name, samples in sounds.items():
        (tmp_path / name).write_bytes(encoded(samples))
    found = find_candidates(tmp_path)
    played = {"clipped.wav", "held.wav", "hiss.wav", "plain.wav"}
    assert {item.clip.file for item in found.candidates} == played
    assert [note.split(": ")[:2] for note in found.notes] == [
        ["kept 'clipped.wav'", "clipped"],
        ["kept 'held.wav'", "tone"],
        ["kept 'hiss.wav'", "noise"],
        ["left out 'offset.wav'", "dc"],
        ["left out 'zero.wav'", "silence"],
    ]
    for name in played:
        (tmp_path / name).unlink()
    with pytest.raises(SequencerError) as caught:
        find_candidates(tmp_path)
    assert str(caught.value) == (
        f"none of the 2 sounds in {tmp_path} has anything to hear (1 dc, 1 silence); "
        "give other sounds, or use --keep-all to compose with them anyway"
    )
    assert len(find_candidates(tmp_path, keep_all=True).candidates) == 2


def test_a_table_that_fits_almost_gives_its_rights_and_says_what_it_lists_in_vain(
    tmp_path: Path,
) -> None:
    for name in ("Zu\u0308rich.wav", "sub/owl.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(tone()))
    (tmp_path / "Sources.csv").write_text(
        "file,author,licence\nZ\u00fcrich.wav,Ann,CC-BY-4.0\nsub\\owl.wav,Bob,CC-BY-4.0\n"
        "sub/crow.wav,Cat,CC0-1.0\n"
    )
    found = read_folder(tmp_path)
    assert {clip.parents[0].rights.author for clip in found.clips} == {"Ann", "Bob"}
    assert found.warnings == ("no recording is where Sources.csv lists one: sub/crow.wav",)


def test_a_table_by_another_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(tone()))
    (tmp_path / "sources.csv.txt").write_text("file,author,licence\na.wav,Ann,CC-BY-4.0\n")
    assert read_folder(tmp_path).warnings == (
        "sources.csv.txt is not read: a table of rights is called sources.csv",
    )


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("none")])
def test_what_is_only_called_as_a_table_is_warned_of(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(tone()))
    make(tmp_path / "sources.csv")
    found = read_folder(tmp_path)
    assert [clip.file for clip in found.clips] == ["a.wav"]
    assert found.warnings == ("rights are not read: sources.csv is no plain file",)


def test_a_licence_that_asks_for_a_name_and_has_none_is_a_note(tmp_path: Path) -> None:
    for name, hz in (("a", 300.0), ("b", 500.0), ("c", 700.0)):
        (tmp_path / f"{name}.wav").write_bytes(encoded(pluck(1.0, hz)))
    (tmp_path / "sources.csv").write_text(
        "file,author,licence\na.wav,,CC-BY-SA-4.0\nb.wav,,CC0-1.0\nc.wav,Cat,CC-BY-4.0\n"
    )
    notes = [note for note in find_candidates(tmp_path).notes if "author unknown" in note]
    assert len(notes) == 1
    assert "a (CC-BY-SA-4.0); the credits" in notes[0]
