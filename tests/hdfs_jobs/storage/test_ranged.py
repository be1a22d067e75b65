from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.storage import ranged
from hdfs_jobs.storage.ranged import ranged_stream
from hdfs_jobs.storage.remote import LostAnswerError, PassingError


class Cut:
    """A file in memory whose transfers break off, or end early, by dice."""

    def __init__(self, content: bytes, seed: int, risk: float) -> None:
        self.size = len(content)
        self.first = self.size if seed % 2 else ranged.FIRST_RANGE
        self._content = content
        self._dice = random.Random(seed)
        self._risk = risk
        self.asked: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        assert 0 <= offset < offset + length <= self.size
        self.asked.append((offset, length))
        while length:
            if self._dice.random() < self._risk:
                raise LostAnswerError("cut")
            count = min(length, self._dice.randint(1, 5000))
            yield self._content[offset : offset + count]
            if self._dice.random() < self._risk:
                return
            offset, length = offset + count, length - count

    def close(self) -> None: ...


@given(
    seed=st.integers(0, 2**32),
    risk=st.sampled_from([0.0, 0.02, 0.2]),
    scale=st.sampled_from([1, 64, 512]),
    size=st.integers(0, 30_000),
    steps=st.lists(st.tuples(st.integers(0, 31_000), st.integers(0, 20_000)), max_size=12),
)
def test_a_broken_transfer_is_taken_up_where_it_was(
    seed: int, risk: float, scale: int, size: int, steps: list[tuple[int, int]]
) -> None:
    content = random.Random(seed).randbytes(size)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BUFFER_BYTES", "FIRST_RANGE", "HEAD_BYTES", "SKIPPED"):
            patch.setattr(ranged, name, getattr(ranged, name) // scale)
        expected = io.BytesIO(content)
        with ranged_stream(Cut(content, seed, risk), "url", patience=60.0, delay=0.0) as stream:
            for place, count in steps:
                assert stream.seek(place) == expected.seek(place)
                assert stream.read(count) == expected.read(count)
            stream.seek(0)
            assert stream.read() == content


def test_a_transfer_that_never_comes_back_is_given_up() -> None:
    with (
        ranged_stream(Cut(bytes(10_000), 1, 1.0), "url", patience=0.3) as stream,
        pytest.raises(PassingError, match="cut"),
    ):
        stream.read()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_look_at_both_ends_costs_one_range_more(seed: int) -> None:
    content = random.Random(1).randbytes(6 << 20)
    with ranged_stream(whole := Cut(content, seed, 0.0), "url", patience=1.0) as stream:
        assert stream.read(100) == content[:100]
        stream.seek(-128, io.SEEK_END)
        assert stream.read() == content[-128:]
        stream.seek(0)
        assert stream.read(1 << 20) + stream.read() == content
    rest = [(whole.first, whole.size - whole.first)] if whole.first < whole.size else []
    assert whole.asked == [(0, whole.first), (whole.size - 128, 128), *rest]
