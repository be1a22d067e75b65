from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.streams import Streams


def corpus_of(lengths: list[int]) -> Corpus:
    """Recordings whose samples name recording and place."""
    return Corpus(
        (str(k), [np.arange(1, n + 1, dtype=np.int16) + 1000 * k]) for k, n in enumerate(lengths)
    )


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    streams=st.integers(1, 5),
    advance=st.integers(1, 12),
    overlap=st.integers(1, 5),
)
def test_an_epoch_goes_through_each_recording_once_and_in_order(
    lengths: list[int], streams: int, advance: int, overlap: int
) -> None:
    corpus = corpus_of(lengths)
    if sum(lengths) < advance + overlap:
        with pytest.raises(ValueError, match="a sequence takes"):
            Streams(corpus, streams, length=advance + overlap, overlap=overlap, seed=1)
        return
    found = Streams(corpus, streams, length=advance + overlap, overlap=overlap, seed=1)
    again = Streams(corpus, streams, length=advance + overlap, overlap=overlap, seed=1)
    met: set[int] = set()
    before = np.zeros((streams, overlap), np.float32)
    for step in range(found.steps):
        here = found.at(step)
        new = here.crops[:, overlap:]
        for k in range(streams):
            sound = int(here.samples[k]) - overlap
            assert 1 <= sound <= advance
            assert not new[k, sound:].any()
            met.update(np.round(new[k, :sound] * 32768).astype(int).tolist())
            # What stands before a piece is silence, or the end of the piece before.
            if not here.begins[k]:
                np.testing.assert_array_equal(here.crops[k, :overlap], before[k])
        before = here.crops[:, -overlap:]
        # A place follows from the step alone.
        np.testing.assert_array_equal(again.at(step).crops, here.crops)
    assert met == {1000 * k + i for k, n in enumerate(lengths) for i in range(1, n + 1)}
    first = found.at(0)
    assert first.begins.all()
    np.testing.assert_array_equal(
        Streams(corpus, streams, length=advance + overlap, overlap=overlap, seed=1).at(0).crops,
        first.crops,
    )


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    streams=st.integers(1, 4),
    advance=st.integers(2, 12),
    overlap=st.integers(1, 5),
)
def test_windows_at_drawn_places_move_from_epoch_to_epoch(
    lengths: list[int], streams: int, advance: int, overlap: int
) -> None:
    corpus = corpus_of([*lengths, 60])
    sizes = {"length": advance + overlap, "overlap": overlap, "seed": 1}
    found = Streams(corpus, streams, **sizes, seeded_windows=True)
    assert found.steps == Streams(corpus, streams, **sizes).steps
    begins: set[int] = set()
    for epoch in range(6):
        met: list[int] = []
        for place in range(found.steps):
            here = found.at(epoch * found.steps + place)
            new = [
                row[overlap : max(overlap, int(sound))]
                for row, sound in zip(here.crops, here.samples, strict=True)
            ]
            numbers = [np.round(sound * 32768).astype(int).tolist() for sound in new]
            met += [number for one in numbers for number in one]
            last = [one[0] for one in numbers if one and one[0] // 1000 == len(lengths)]
            begins |= {(number % 1000 - 1) % advance for number in last}
        # All that follows the first piece is met, and of that what follows the place.
        for k, n in enumerate([*lengths, 60]):
            whole = {1000 * k + i for i in range(1, n + 1)}
            ours = {number for number in met if number in whole}
            assert len(ours) >= min(n, max(advance, n - advance + 1))
            assert ours == {1000 * k + i for i in range(n - len(ours) + 1, n + 1)}
    assert len(begins) > 1


def test_epochs_draw_orders_of_their_own_and_a_recording_begins_with_silence() -> None:
    corpus = corpus_of([8] * 20)
    streams = Streams(corpus, 2, length=10, overlap=2, seed=3)
    orders = [
        [float(streams.at(epoch * streams.steps + k).crops[0, 2]) for k in range(streams.steps)]
        for epoch in range(2)
    ]
    assert sorted(orders[0]) != orders[0] or sorted(orders[1]) != orders[1]
    assert orders[0] != orders[1]
    assert streams.at(0).begins.all()
    assert not streams.at(0).crops[:, :2].any()


def test_other_recordings_have_another_digest() -> None:
    first, other = (Streams(corpus_of(n), 1, length=5, overlap=1, seed=0) for n in ([9], [9, 3]))
    assert first.digest != other.digest
    assert first.digest == Streams(corpus_of([9]), 1, length=5, overlap=1, seed=0).digest
