from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.training.corpus import Augmentation, Corpus

PLAIN = Augmentation()


def ramp(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.int16)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus([("a", [ramp(0, 300), ramp(300, 700)]), ("b", [ramp(5000, 50)])])


def test_recordings_come_back_whole(corpus: Corpus) -> None:
    found = dict(corpus.recordings())
    np.testing.assert_array_equal(found["a"], ramp(0, 1000))
    np.testing.assert_array_equal(found["b"], ramp(5000, 50))
    assert corpus.seconds == 1050 / 16_000


def test_crops_are_stretches_of_one_recording(corpus: Corpus) -> None:
    crops = np.concatenate([corpus.crops(step, 4, 100, 1, PLAIN) for step in range(30)])
    whole = np.round(crops * 32768).astype(int)
    short = whole[:, 0] >= 5000
    assert 0 < short.sum() < len(short)
    np.testing.assert_array_equal(np.diff(whole[~short], axis=1), 1)
    np.testing.assert_array_equal(whole[short], [[*range(5000, 5050), *[0] * 50]] * short.sum())


def test_a_step_draws_the_same_crops_again(corpus: Corpus) -> None:
    wild = Augmentation(gain_db=(-12, 6), semitones=3, flip=True)
    np.testing.assert_array_equal(corpus.crops(5, 3, 64, 1, wild), corpus.crops(5, 3, 64, 1, wild))
    assert not np.array_equal(corpus.crops(5, 3, 64, 1, wild), corpus.crops(6, 3, 64, 1, wild))
    assert np.abs(corpus.crops(5, 3, 64, 1, wild)).max() <= 1


def test_split_holds_out_whole_recordings() -> None:
    whole = Corpus((str(i), [ramp(i, 20)]) for i in range(60))
    kept, held = whole.split(0.3)
    assert sorted([*kept.names, *held.names], key=int) == whole.names
    assert 5 < len(held) < 30
    assert [len(data) for _, data in held.recordings()] == [20] * len(held)


def test_folder_is_read_at_16_khz_and_bad_files_are_named(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(np.arange(44_100) / 20)
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / "tone.flac", tone, 44_100)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "notes.txt").write_text("no recording")
    corpus = Corpus.from_folder(tmp_path)
    assert corpus.names == ["deep/tone.flac"]
    assert corpus.seconds == 1.0
    assert list(corpus.rejected) == ["text.wav"]


def test_nothing_is_a_corpus_too() -> None:
    empty = Corpus([])
    assert (len(empty), empty.seconds) == (0, 0.0)


def test_what_goes_beyond_full_scale_is_lowered_and_not_clipped(tmp_path: Path) -> None:
    hot = (4.0 * np.sin(np.arange(32_000) / 20)).astype(np.float32)
    soundfile.write(tmp_path / "hot.wav", hot, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "tone.wav", hot / 8, 16_000, subtype="FLOAT")
    corpus = Corpus.from_folder(tmp_path)
    assert (corpus.names, corpus.rejected) == (["hot.wav", "tone.wav"], {})
    found = dict(corpus.recordings())
    assert [len(samples) for samples in found.values()] == [32_000, 32_000]
    largest = np.abs(found["hot.wav"]).max()
    assert 0.95 < largest / 32768 < 1
    wanted = np.round(hot / 4 * largest)
    assert np.abs(found["hot.wav"] - wanted).max() <= 2
    np.testing.assert_allclose(found["tone.wav"], np.round(hot / 8 * 32768), atol=1)


def test_copies_of_a_recording_are_held_out_together() -> None:
    draw = np.random.default_rng(3)
    sounds = [draw.integers(-9000, 9000, 50).astype(np.int16) for _ in range(12)]
    copies = [(f"{k}-{copy}", [sound]) for k, sound in enumerate(sounds) for copy in range(9)]
    kept, held = Corpus(copies).split(0.4)
    sides = [{name.partition("-")[0] for name in side.names} for side in (kept, held)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert len(kept) + len(held) == len(copies)
