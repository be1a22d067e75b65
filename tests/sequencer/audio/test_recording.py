from __future__ import annotations

import io
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import DEFAULT_SAMPLE_RATE, mono_blocks, open_recording
from sequencer.audio.samples import Resampler, from_int16, resampled_length, to_int16
from sequencer.errors import AudioError
from tests.sequencer.sounds import RATE, RECORDINGS, encoded, noise, pluck, tone


def read(data: bytes, sample_rate: int = DEFAULT_SAMPLE_RATE, **options: object) -> np.ndarray:
    return np.concatenate(list(mono_blocks(io.BytesIO(data), sample_rate, **options)))


def refusal(data: bytes, **options: object) -> AudioError:
    with pytest.raises(AudioError) as caught:
        read(data, **options)
    assert any(letter.isdigit() for letter in caught.value.detail), caught.value.detail
    assert "\n" not in str(caught.value)
    return caught.value


def wav(
    rate: int = RATE, channels: int = 1, data: bytes = b"", declared: int | None = None
) -> bytes:
    """A PCM_16 wav with whatever header is asked for."""
    size = len(data) if declared is None else declared
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 % 2**32, channels * 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", (4 + 24 + 8 + size) % 2**32) + head + data


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 2**-23),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "IMA_ADPCM", 0.05),
        ("WAVEX", "PCM_24", 2**-23),
        ("RF64", "PCM_16", 2**-15),
        ("W64", "PCM_16", 2**-15),
        ("AIFF", "PCM_16", 2**-15),
        ("AU", "FLOAT", 0),
        ("CAF", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-23),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.05),
        ("MP3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_every_format_gives_the_samples_that_were_written(
    kind: str, subtype: str, tolerance: float
) -> None:
    sound = tone(1.5, 300.0)
    got = read(encoded(sound, kind, subtype))
    extra = 505 if subtype == "IMA_ADPCM" else 0
    assert len(sound) <= len(got) <= len(sound) + extra
    # A lossy codec may ring where the tone starts and stops.
    inner = slice(2000, len(sound) - 2000)
    np.testing.assert_allclose(got[inner], sound[inner], atol=tolerance, rtol=0)


@pytest.mark.parametrize("channels", [2, 11])
def test_channels_are_mixed_to_their_mean(channels: int) -> None:
    rng = np.random.default_rng(channels)
    sound = rng.uniform(-1, 1, (5000, channels)).astype(np.float32)
    got = read(encoded(sound, subtype="FLOAT"))
    np.testing.assert_allclose(got, sound.astype(np.float64).mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("rate", [1_000, 8_000, 11_025, 44_100, 48_000, 96_000, 384_000, 768_000])
def test_rates_become_sixteen_kilohertz_of_the_same_sound(rate: int) -> None:
    time = np.arange(rate) / rate
    sound = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    got = read(wav(rate, 1, to_int16(sound).tobytes()))
    assert len(got) == RATE
    expected = 0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(got[2000:-2000], expected[2000:-2000], atol=2e-3)


@given(
    frames=st.integers(1, 9000),
    rate=st.sampled_from([1_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 384_000]),
    block=st.floats(0.0005, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_samples_do_not_depend_on_the_block_size(frames: int, rate: int, block: float) -> None:
    data = encoded(noise(1.0, 0.2, seed=frames)[:frames], rate=rate)
    whole = np.concatenate([np.zeros(0, np.float32), *mono_blocks(io.BytesIO(data))])
    blocks = list(mono_blocks(io.BytesIO(data), block_seconds=block))
    size = max(1, round(block * DEFAULT_SAMPLE_RATE))
    assert all(len(part) == size for part in blocks[:-1])
    assert len(whole) == resampled_length(min(frames, RATE), rate, DEFAULT_SAMPLE_RATE)
    np.testing.assert_array_equal(whole, np.concatenate([whole[:0], *blocks]))


@given(cuts=st.lists(st.integers(0, 30_000), max_size=8), rate=st.sampled_from([7_919, 44_100]))
@settings(max_examples=30, deadline=None)
def test_resampler_does_not_depend_on_how_its_input_is_cut(cuts: list[int], rate: int) -> None:
    sound = np.concatenate([noise(1.0), noise(0.875, seed=1)])
    parts = np.split(sound, sorted(cuts))
    whole, cut = Resampler(rate, RATE), Resampler(rate, RATE)
    expected = np.concatenate([whole.add(sound), whole.finish()])
    got = np.concatenate([*(cut.add(part) for part in parts), cut.finish()])
    assert len(got) == resampled_length(len(sound), rate, RATE)
    np.testing.assert_array_equal(got, expected)


def test_long_files_stream_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    block = np.zeros((44_100 * 10, 2), np.int16)
    block[::100] = 1000
    with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as out:
        for _ in range(60):
            out.write(block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = sum(len(part) for part in mono_blocks(path))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert total == 600 * RATE
    # Whole, it would be 200 MB as float32.
    assert grown < 60_000


def test_names_with_anything_in_them(tmp_path: Path) -> None:
    for name in ["with space.wav", "quote\"'s.wav", "line\nbreak.wav", "звук 音 🎵.wav", "-o.wav"]:
        path = tmp_path / name
        path.write_bytes(encoded(tone(0.5)))
        assert sum(len(part) for part in mono_blocks(path)) == RATE // 2
        with open_recording(str(path)) as recording:
            facts = (recording.sample_rate, recording.channels, recording.frames, recording.seconds)
            assert facts == (RATE, 1, RATE // 2, 0.5)


def test_an_uppercase_or_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really-flac.WAV"
    path.write_bytes(encoded(tone(0.5), "FLAC"))
    assert sum(len(part) for part in mono_blocks(path)) == RATE // 2


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flac")), ids=lambda path: path.stem)
def test_real_recordings_open(path: Path) -> None:
    information = soundfile.info(path)
    got = np.concatenate(list(mono_blocks(path, refuse_silent=True)))
    assert len(got) == resampled_length(
        information.frames, information.samplerate, DEFAULT_SAMPLE_RATE
    )
    assert np.abs(got).max() > 0.01


def test_there_are_real_recordings() -> None:
    assert len(list(RECORDINGS.glob("*.flac"))) >= 5


# Bad input: each refused with its reason, before or while decoding.


def test_empty_file() -> None:
    assert refusal(b"").reason == "empty"


def test_header_only() -> None:
    error = refusal(wav(declared=88_200))
    assert (error.reason, "88,200" in error.detail) == ("empty", True)
    assert refusal(wav()).reason == "empty"


def test_text_named_wav() -> None:
    error = refusal(b"This is not a sound, it is 1 text.\n" * 50)
    assert (error.reason, "This is" in error.detail) == ("not-audio", True)
    assert refusal(bytes(5000)).reason == "not-audio"


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("keep", [0.999, 0.5, 0.1])
def test_cut_files_are_told_from_short_ones(kind: str, keep: float) -> None:
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
    data = encoded(pluck(8.0), kind, subtype)
    assert len(read(data)) == 8 * RATE
    # The last two frames of an MP3 are within what its encoders disagree about.
    keep = min(keep, 0.95) if kind == "MP3" else keep
    assert refusal(data[: round(len(data) * keep)]).reason == "truncated"


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_files_cut_inside_the_header(kind: str) -> None:
    data = encoded(pluck(1.0), kind)
    assert refusal(data[:30]).reason == "truncated"


def test_the_seen_case_of_a_wav_that_gave_less_than_it_claimed() -> None:
    error = refusal(wav(data=bytes(32_768 * 2), declared=68_545 * 2))
    assert error.reason == "truncated"
    assert "137,090" in error.detail
    assert "65,536" in error.detail


def test_three_hours_in_a_kilobyte_are_refused_before_decoding() -> None:
    three_hours = 3 * 3600 * RATE * 2
    error = refusal(wav(data=bytes(1024), declared=three_hours))
    assert (error.reason, "3:00:00" in error.detail) == ("absurd-header", True)
    flac = bytearray(encoded(tone(0.05), "FLAC"))
    packed = int.from_bytes(flac[18:26], "big") & ~0xFFFFFFFFF | 3 * 3600 * RATE
    flac[18:26] = packed.to_bytes(8, "big")
    assert refusal(bytes(flac)).reason == "absurd-header"


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000])
def test_lengths_that_mean_unknown_read_to_the_end(length: int) -> None:
    sound = to_int16(tone(1.0))
    got = read(wav(data=sound.tobytes(), declared=length))
    np.testing.assert_array_equal(to_int16(got), sound)


def test_a_length_never_filled_in_reads_to_the_end() -> None:
    sound = to_int16(tone(1.0))
    np.testing.assert_array_equal(to_int16(read(wav(data=sound.tobytes(), declared=0))), sound)


def test_flac_of_unknown_length_reads_to_the_end() -> None:
    data = bytearray(encoded(tone(9.0), "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    with open_recording(io.BytesIO(bytes(data))) as recording:
        assert recording.frames is None
        assert recording.seconds is None
    assert len(read(bytes(data))) == 9 * RATE


def test_mp3_without_a_length_is_not_called_cut() -> None:
    data = encoded(pluck(4.0), "MP3", "MPEG_LAYER_III")
    unstated = data[data.index(data[:2], 4) :]
    with open_recording(io.BytesIO(unstated)) as recording:
        assert recording.frames is None
    # All of it comes, though the bit rate varies and a guess from the first frames gives half.
    assert 4 * RATE <= len(read(unstated)) < 4.2 * RATE
    assert 4 * RATE <= len(read(unstated + b"TAG" + bytes(125))) < 4.2 * RATE
    tag = b"ID3\x03\0\0" + bytes([0, 0, 8, 0]) + bytes(1024)
    assert 4 * RATE <= len(read(tag + unstated)) < 4.2 * RATE


def test_a_hole_in_a_flac_is_damage() -> None:
    data = bytearray(encoded(noise(8.0), "FLAC"))
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    assert refusal(bytes(data)).reason in {"corrupt", "truncated"}


def test_all_zeros_are_silent_only_where_that_is_refused() -> None:
    data = encoded(np.zeros(RATE))
    assert refusal(data, refuse_silent=True).reason == "silent"
    assert not read(data).any()
    almost = np.zeros(RATE, np.float32)
    almost[-1] = 0.5
    assert read(encoded(almost), refuse_silent=True).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers(bad: float, subtype: str) -> None:
    sound = tone(1.0).astype(np.float64)
    sound[12_345] = bad
    error = refusal(encoded(sound, subtype=subtype))
    assert (error.reason, "12,345" in error.detail) == ("non-finite", True)


def test_float64_beyond_float32_is_not_finite() -> None:
    sound = tone(0.5).astype(np.float64)
    sound[7] = 1e300
    assert refusal(encoded(sound, subtype="DOUBLE")).reason == "non-finite"


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 2**31 - 1])
def test_rates_that_no_sound_has(rate: int) -> None:
    assert refusal(wav(rate, data=bytes(4000))).reason == "sample-rate"


def test_no_channels() -> None:
    assert refusal(wav(channels=0, data=bytes(4000))).reason == "no-channels"


def test_a_missing_file_and_a_folder_are_no_audio_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_recording(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError):
        open_recording(tmp_path)


class Breaking(io.BytesIO):
    """A stream that loses its connection after so many bytes."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self._good = good

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > self._good:
            raise ConnectionResetError("the namenode went away")
        return super().read(size)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.7])
def test_the_readers_own_error_comes_through(kind: str, share: float) -> None:
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
    data = encoded(noise(20.0), kind, subtype)
    with pytest.raises(ConnectionResetError, match="namenode"):
        list(mono_blocks(Breaking(data, round(len(data) * share))))


class Trickling(io.BytesIO):
    """A stream that gives less than asked for, as sockets do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 700) if size and size > 0 else size)


def test_short_reads_are_not_the_end() -> None:
    data = encoded(noise(3.0))
    got = np.concatenate(list(mono_blocks(Trickling(data))))
    np.testing.assert_array_equal(got, read(data))


def test_the_callers_stream_stays_open_and_is_read_from_its_start() -> None:
    stream = io.BytesIO(encoded(tone(0.5)))
    stream.seek(20)
    assert sum(len(part) for part in mono_blocks(stream)) == RATE // 2
    assert not stream.closed


@given(st.lists(st.integers(-32768, 32767), max_size=50))
@settings(deadline=None)
def test_int16_comes_back_from_float_unchanged(values: list[int]) -> None:
    samples = np.array(values, np.int16)
    np.testing.assert_array_equal(to_int16(from_int16(samples)), samples)


def test_int16_rounds_to_even_and_clips() -> None:
    steps = np.array([0.5, 1.5, -0.5, 2.4, 40_000.0, -40_000.0]) / 32768
    assert to_int16(steps).tolist() == [0, 2, 0, 2, 32767, -32768]


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS\0", b"ID3"])
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_bring_anything_but_a_reason(data: bytes, start: bytes) -> None:
    try:
        read(start + data)
    except AudioError as error:
        assert error.reason
