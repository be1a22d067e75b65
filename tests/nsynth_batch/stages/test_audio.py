"""Recordings to segments."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Noted, Restarted
from nsynth_batch.stages.audio import AudioStage, cut
from nsynth_batch.store.arrays import vectors
from sequencer.audio.recording import mono_blocks
from sequencer.audio.samples import to_int16
from tests.nsynth_batch.builders import task
from tests.nsynth_batch.recordings import RECORDINGS, tone

HOP = 512
STAGE = AudioStage(segment_samples=8 * HOP, hop=HOP, sample_rate=16_000)


def wav(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> io.BytesIO:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype=subtype, format="WAV")
    out.seek(0)
    return out


def results(source: io.BytesIO, tmp_path: Path) -> tuple[list[dict[str, object]], dict[str, int]]:
    rows: list[dict[str, object]] = []
    counters: dict[str, int] = {}
    for result in STAGE.process(Item("the-id"), source, task(tmp_path)):
        if isinstance(result, Counted):
            counters[result.name] = counters.get(result.name, 0) + result.n
        elif isinstance(result, Noted):
            counters[result.text] = 1
        elif isinstance(result, Restarted):
            rows.clear()
            counters.clear()
        else:
            assert result.schema == STAGE.schema
            rows += result.to_pylist()
    return rows, counters


def test_segments_are_the_recording_in_order_and_the_tail_is_cut_to_hops(tmp_path: Path) -> None:
    samples = to_int16(tone(2.0)[: 2 * 8 * HOP + 3 * HOP + 100])
    rows, counters = results(wav(samples), tmp_path)
    assert [row["segment"] for row in rows] == [0, 1, 2]
    assert [row["start_seconds"] for row in rows] == [0.0, 0.256, 0.512]
    assert [len(row["samples"]) for row in rows] == [8 * HOP, 8 * HOP, 3 * HOP]
    together = np.concatenate([row["samples"] for row in rows])
    assert np.array_equal(together, samples[: len(together)])
    assert counters == {"dropped_samples": 100}
    assert {row["file_id"] for row in rows} == {"the-id"}


def test_a_tail_shorter_than_a_hop_is_dropped_and_counted(tmp_path: Path) -> None:
    rows, counters = results(wav(tone(1.0)[: 8 * HOP + HOP - 1]), tmp_path)
    assert len(rows) == 1
    assert counters == {"dropped_samples": HOP - 1}


def test_a_recording_of_whole_segments_drops_nothing(tmp_path: Path) -> None:
    rows, counters = results(wav(tone(1.0)[: 16 * HOP]), tmp_path)
    assert (len(rows), counters) == (2, {})


@pytest.mark.parametrize("name", ["misc_crow.flac", "ambi_choir.flac", "drum_cymbal_open.flac"])
def test_real_recordings_are_mixed_and_resampled_as_the_reader_does(
    tmp_path: Path, name: str
) -> None:
    path = RECORDINGS / name
    rows, counters = results(io.BytesIO(path.read_bytes()), tmp_path)
    expected = to_int16(np.concatenate(list(mono_blocks(path))))
    together = np.concatenate([row["samples"] for row in rows])
    assert np.array_equal(together, expected[: len(together)])
    assert len(expected) - len(together) == counters.get("dropped_samples", 0) < HOP


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (wav(np.zeros(0)).getvalue(), "empty"),
        (wav(tone(1.0)).getvalue()[:20_000], "truncated"),
        (b"this is a letter, not a sound\n" * 9, "not-audio"),
        (wav(np.zeros(9000)).getvalue(), "silent"),
        (wav(tone(1.0)[: HOP - 1]).getvalue(), "too-short"),
        (wav(np.full(9000, np.nan), subtype="FLOAT").getvalue(), "non-finite"),
    ],
)
def test_bad_input_has_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        results(io.BytesIO(content), tmp_path)
    assert caught.value.reason == reason
    assert caught.value.detail


def test_what_goes_beyond_full_scale_is_brought_down_as_a_whole(tmp_path: Path) -> None:
    sound = tone(2.0)
    sound *= np.float32(4.0) / np.abs(sound).max()
    rows, notes = results(wav(sound, subtype="FLOAT"), tmp_path)
    together = np.concatenate([row["samples"] for row in rows]).astype(np.float64)
    expected = sound[: len(together)] * (0.98855 / 4) * 32768
    assert np.abs(together - expected).max() <= 0.51
    assert [note for note in notes if "4 times full scale" in note and "12.14 dB" in note]


def test_resampling_beyond_full_scale_is_not_clipped(tmp_path: Path) -> None:
    # A square wave at full scale overshoots when its harmonics are cut off.
    square = np.where(np.arange(88_200) % 100 < 50, 32767, -32768).astype(np.int16)
    rows, notes = results(wav(square, rate=44_100), tmp_path)
    together = np.concatenate([row["samples"] for row in rows])
    assert 32_000 < np.abs(together.astype(int)).max() < 32_500
    assert [note for note in notes if "times full scale" in note]


def test_a_click_that_only_resampling_lifts_is_clipped_with_a_note(tmp_path: Path) -> None:
    sound = np.round(3000 * np.sin(np.arange(88_200) / 20)).astype(np.int16)
    sound[40_000:40_060] = 32767
    rows, notes = results(wav(sound, rate=44_100), tmp_path)
    together = np.concatenate([row["samples"] for row in rows])
    assert together.max() == 32767
    quiet = np.abs(together[:10_000].astype(int)).max()
    assert abs(quiet - 3000) < 10  # the rest keeps its level
    assert [note for note in notes if "clipped" in note]


def test_channels_that_cancel_are_taken_one_by_one(tmp_path: Path) -> None:
    sound = to_int16(tone(1.0))
    rows, notes = results(wav(np.stack([sound, -sound], 1)), tmp_path)
    together = np.concatenate([row["samples"] for row in rows])
    assert np.array_equal(together, sound[: len(together)])
    assert [note for note in notes if "2 channels cancel" in note]


def test_a_good_recording_has_no_note(tmp_path: Path) -> None:
    _, notes = results(wav(np.stack([tone(1.0), tone(1.0)], 1)), tmp_path)
    assert set(notes) <= {"dropped_samples"}


class BrokenStream(io.BytesIO):
    """A stream whose storage goes away in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 20_000:
            raise OSError("the network is gone")
        return super().read(size)


def test_an_error_of_the_storage_is_not_called_bad_input(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the network is gone"):
        results(BrokenStream(wav(tone(3.0)).getvalue()), tmp_path)


def test_seconds_are_those_of_the_samples(tmp_path: Path) -> None:
    batches = [
        batch
        for batch in STAGE.process(Item("x"), wav(tone(1.0)), task(tmp_path))
        if isinstance(batch, pa.RecordBatch)
    ]
    assert sum(STAGE.seconds(batch) for batch in batches) == pytest.approx(31 * HOP / 16_000)


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 40))
def test_cutting_keeps_every_sample_in_order(lengths: list[int], length: int) -> None:
    stream = np.arange(sum(lengths), dtype=np.float32)
    ends = np.cumsum(lengths)

    def blocks() -> Iterator[np.ndarray]:
        yield from np.split(stream, ends[:-1]) if len(ends) else []

    pieces = list(cut(blocks(), length))
    assert np.array_equal(np.concatenate([*pieces, np.empty(0)]), stream)
    assert all(len(piece) == length for piece in pieces[:-1])
    assert all(0 < len(piece) <= length for piece in pieces)


def test_samples_are_read_back_without_objects() -> None:
    column = pa.chunked_array([[[1, 2], []], [[3]]], pa.list_(pa.int16()))
    assert [row.tolist() for row in vectors(column)] == [[1, 2], [], [3]]
    assert [row.tolist() for row in vectors(column.slice(1, 2))] == [[], [3]]
