"""WAV files whose chunks and counts are not as the rules have them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.samples import to_int16
from tests.sequencer.audio.containers.files import chunk, fmt, outcome, read, sound_file, wave
from tests.sequencer.sounds import tone

SOUND = to_int16(tone(1.0))
DATA = SOUND.tobytes()
BEFORE = [b"LIST", b"bext", b"JUNK", b"FLLR", b"abcd", b"id3 "]
AFTER = [b"LIST", b"cue ", b"wxyz", b"iXML"]


def samples(data: bytes) -> np.ndarray:
    return to_int16(read(data)[0])


def info(size: int, *, pad: bool = True) -> bytes:
    return chunk(b"LIST", b"INFOISFT" + struct.pack("<I", size) + b"x" * size, pad=pad)


@given(
    before=st.lists(
        st.sampled_from([b"LIST", b"bext", b"JUNK", b"FLLR", b"abcd", b"id3 "]), max_size=4
    ),
    after=st.lists(st.sampled_from([b"LIST", b"cue ", b"wxyz", b"iXML"]), max_size=3),
    sizes=st.lists(st.integers(0, 300), min_size=7, max_size=7),
    pads=st.lists(st.booleans(), min_size=7, max_size=7),
    format_last=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_chunks_of_any_order_and_padding(
    before: list[bytes], after: list[bytes], sizes: list[int], pads: list[bool], format_last: bool
) -> None:
    made = [
        chunk(name, b"\x01" * size, pad=pad)
        for name, size, pad in zip([*before, *after], sizes, pads, strict=False)
    ]
    head, tail = made[: len(before)], made[len(before) :]
    form = fmt()
    data = chunk(b"data", DATA)
    ordered = [*head, data, *tail, form] if format_last else [form, *head, data, *tail]
    np.testing.assert_array_equal(samples(wave(*ordered)), SOUND)


@pytest.mark.parametrize("size", [1 << 12, 1 << 16, 1 << 22])
def test_large_chunks_before_the_samples(size: int) -> None:
    large = chunk(b"JUNK", bytes(size))
    np.testing.assert_array_equal(samples(wave(large, fmt(), large, chunk(b"data", DATA))), SOUND)


@given(st.integers(-128, 128))
@settings(max_examples=60, deadline=None)
def test_a_length_a_little_off_is_noted(off: int) -> None:
    declared = len(DATA) + off
    got, notes = read(wave(fmt(), chunk(b"data", DATA, declared), riff_size=36 + declared))
    np.testing.assert_array_equal(to_int16(got), SOUND)
    assert bool(notes) == (off != 0)


@given(st.integers(129, 31_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_length_that_contradicts_the_file_is_refused_or_confirmed(off: int, right: bool) -> None:
    short = len(DATA) - off
    riff_size = 36 + (len(DATA) if right else short)
    found = outcome(wave(fmt(), chunk(b"data", DATA, short), riff_size=riff_size))
    if right:
        np.testing.assert_array_equal(to_int16(found), SOUND)
    else:
        assert found == "wrong-length"
    assert outcome(wave(fmt(), chunk(b"data", DATA, len(DATA) + off))) == "truncated"


@pytest.mark.parametrize(
    "size", [0, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFDB, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0x7FFFFFDB]
)
@pytest.mark.parametrize("more", [b"", info(7), info(7) + info(8), b"TAG" + bytes(125)])
def test_an_unknown_length_reads_to_the_end_of_the_samples(size: int, more: bytes) -> None:
    got, notes = read(wave(fmt(), chunk(b"data", DATA, size), more, riff_size=size))
    np.testing.assert_array_equal(to_int16(got), SOUND)
    assert notes


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("size", [len(DATA), len(DATA) + 40])
def test_sizes_of_64_bits(magic: bytes, size: int) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", size + 72, size, size // 2, 0))
    data = wave(sizes, fmt(), chunk(b"data", DATA, 0xFFFFFFFF), riff_size=0xFFFFFFFF, magic=magic)
    np.testing.assert_array_equal(samples(data), SOUND)
    cut = outcome(data[:-4000])
    assert cut == "truncated"


def test_two_chunks_of_samples_are_joined_with_a_note() -> None:
    half = len(DATA) // 2
    got, notes = read(
        wave(fmt(), chunk(b"data", DATA[:half]), info(4), chunk(b"data", DATA[half:]))
    )
    np.testing.assert_array_equal(to_int16(got), SOUND)
    assert any("2 chunks of samples" in note for note in notes)


def test_two_formats_that_contradict_each_other_are_refused() -> None:
    assert outcome(wave(fmt(), fmt(rate=8000), chunk(b"data", DATA))) == "wrong-length"
    assert (
        outcome(
            wave(
                fmt(channels=2)[:20] + struct.pack("<I", 16_000) + fmt()[16:], chunk(b"data", DATA)
            )
        )
        != ""
    )


def test_a_frame_that_its_channels_do_not_fill_is_refused() -> None:
    body = struct.pack("<HHIIHH", 1, 2, 16_000, 32_000, 3, 16)
    assert outcome(wave(chunk(b"fmt ", body), chunk(b"data", DATA))) == "wrong-length"


def test_half_a_frame_at_the_end_is_noted() -> None:
    got, notes = read(wave(fmt(), chunk(b"data", DATA + b"\1")))
    np.testing.assert_array_equal(to_int16(got), SOUND)
    assert any("no whole frame" in note for note in notes)


def test_mp3_within_wav_is_read_as_mp3() -> None:
    inner = sound_file("MP3", "MPEG_LAYER_III")
    head = chunk(b"fmt ", fmt(tag=0x55)[8:] + struct.pack("<HHIHHH", 12, 1, 2, 418, 1, 0))
    got, _ = read(wave(head, chunk(b"data", inner)))
    np.testing.assert_array_equal(got, read(inner)[0])
    assert outcome(wave(head, chunk(b"data", bytes(2000)))) == "empty"


@pytest.mark.parametrize("kind", [("WAV", "MS_ADPCM"), ("W64", "IMA_ADPCM"), ("AIFF", "IMA_ADPCM")])
@pytest.mark.parametrize("missing", [1, 20, 33])
def test_a_packet_that_is_cut_is_no_miscount(kind: tuple[str, str], missing: int) -> None:
    assert outcome(sound_file(*kind)[:-missing]) == "truncated"
