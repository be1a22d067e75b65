"""Counts of every container that has one: a little off, unknown, or wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import pytest

from sequencer.audio.containers.lengths import Claim, stands_for_unknown, too_short
from sequencer.errors import AudioError
from tests.sequencer.audio.containers.files import outcome, read, sound_file


@dataclass(frozen=True)
class Count:
    """Where a container keeps its length: `unit` bytes of samples for one, and `more` besides."""

    kind: str
    marker: bytes
    offset: int
    order: str
    unit: int = 1
    more: int = 0
    subtype: str = "PCM_16"

    def __str__(self) -> str:
        return f"{self.kind}-{self.marker.decode('ascii', 'replace').strip()}"

    @property
    def data(self) -> bytes:
        return sound_file(self.kind, self.subtype)

    @property
    def place(self) -> int:
        return self.data.index(self.marker) + self.offset

    @property
    def value(self) -> int:
        found: int = struct.unpack_from(self.order, self.data, self.place)[0]
        return found

    def with_value(self, value: int) -> bytes:
        data = bytearray(self.data)
        struct.pack_into(self.order, data, self.place, value)
        return bytes(data)


COUNTS = [
    Count("WAV", b"data", 4, "<I"),
    Count("AIFF", b"SSND", 4, ">I", more=8),
    Count("AU", b".snd", 8, ">I"),
    Count("W64", b"data", 16, "<Q", more=24),
    Count("CAF", b"data", 4, ">q", more=4),
    Count("AVR", b"2BIT", 26, ">I", unit=2),
    Count("HTK", b"", 0, ">I", unit=2),
    Count("MPC2K", b"\1\4", 30, "<I", unit=2),
    Count("MAT4", b"wavedata", -12, "<I", unit=2),
    Count("SVX", b"BODY", 4, ">I"),
    Count("WVE", b"ALaw", 18, ">I", subtype="ALAW"),
]
# What stands around these confirms that what follows is theirs.
CONFIRMED = {"WAV", "AIFF", "W64", "SVX"}


@pytest.mark.parametrize("count", COUNTS, ids=str)
def test_a_count_a_little_off_or_unknown_reads_all_with_a_note(count: Count) -> None:
    expected, none = read(count.data)
    assert none == []
    top = 0x7FFFFFFFFFFFFFFF if count.order[1] in "qQ" else 0xFFFFFFFF
    little = [count.value + n // count.unit for n in (2, 44, -2, -44)]
    for value in (0, top, 0x7FFFFFFF, *little):
        got, notes = read(count.with_value(value))
        np.testing.assert_array_equal(got, expected)
        assert notes, value


@pytest.mark.parametrize("count", COUNTS, ids=str)
def test_a_count_that_contradicts_the_file_is_refused_with_both_numbers(count: Count) -> None:
    true = count.value * count.unit - count.more
    for factor, reason in ((3, "truncated"), (1000, "absurd-header")):
        with pytest.raises(AudioError) as caught:
            read(count.with_value(count.value * factor))
        assert caught.value.reason == reason
        assert f"{true:,}" in caught.value.detail
    short = outcome(count.with_value(count.value // 2))
    if count.kind in CONFIRMED:
        np.testing.assert_array_equal(short, read(count.data)[0])
    else:
        assert short == "wrong-length"


@pytest.mark.parametrize("off", [-30, -1, 0, 1, 20])
def test_an_mp3_is_read_whole_whatever_its_header_counts(off: int) -> None:
    data = bytearray(sound_file("MP3", "MPEG_LAYER_III", 2.0))
    expected, _ = read(bytes(data))
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    frames = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (frames + off).to_bytes(4, "big")
    found = outcome(bytes(data))
    if off > 2:
        assert found == "truncated"
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("frames", [0, 1, 4000, 7999, 8001])
def test_flac_frames_count_themselves(frames: int) -> None:
    data = bytearray(sound_file("FLAC", "PCM_16"))
    expected, _ = read(bytes(data))
    packed = int.from_bytes(data[18:26], "big") & ~0xFFFFFFFFF | frames
    data[18:26] = packed.to_bytes(8, "big")
    found = outcome(bytes(data))
    if frames > 8000:
        assert found == "truncated"
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_count_of_frames_in_an_aiff_is_compared_with_its_samples() -> None:
    data = sound_file("AIFF", "PCM_16")
    at = data.index(b"COMM") + 10
    expected, _ = read(data)
    for frames in (0, 0xFFFFFFFF, 7990, 8010):
        got, notes = read(data[:at] + frames.to_bytes(4, "big") + data[at + 4 :])
        np.testing.assert_array_equal(got, expected)
        assert notes
    for frames, reason in ((4000, "wrong-length"), (80_000, "truncated")):
        assert outcome(data[:at] + frames.to_bytes(4, "big") + data[at + 4 :]) == reason


def test_a_counter_that_wrapped_is_seen_through() -> None:
    there = (1 << 32) + 64_000
    assert "wrapped" in too_short(Claim("WAV", 64_000, 32_000), there)
    with pytest.raises(AudioError):
        too_short(Claim("WAV", 64_000, 32_000), there - 50_000)


def test_numbers_that_stand_for_unknown() -> None:
    for number in (0xFFFFFFFF, 0xFFFFFFDB, 0x7FFFF000, 0x7FFFFFFF, 0x80000000):
        assert stands_for_unknown(number)
    for number in (0, 44, 0x7FFFE000, 0x90000000):
        assert not stands_for_unknown(number)
