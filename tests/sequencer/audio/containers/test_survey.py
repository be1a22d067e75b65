"""Every container that is read, with everything that people's files have wrong with them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import open_recording
from sequencer.errors import AudioError
from tests.sequencer.audio.containers.files import (
    KINDS,
    UNJOINABLE,
    WITHOUT_LENGTH,
    id3v2,
    is_same,
    outcome,
    read,
    sound_file,
)
from tests.sequencer.sounds import RATE, tone

NAMES = [f"{kind}-{subtype}" for kind, subtype in KINDS]
MEASURED = [kind for kind in KINDS if kind[0] not in WITHOUT_LENGTH]
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(16)
FILLER = st.one_of(
    st.builds(
        lambda byte, n: bytes([byte]) * n, st.sampled_from([0, 255, 170]), st.integers(600, 9000)
    ),
    st.sampled_from([b"TAG" + b"x" * 125, APE, APE + b"TAG" + b"x" * 125]),
    st.just(b"<html><body>404</body></html>\n" * 90),
    st.randoms(use_true_random=False).map(lambda random: random.randbytes(6001)),
)
STARTS = [sound_file(*kind)[:n] for kind in KINDS for n in (4, 16, 48)]
CHAINED = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")]
JOINABLE = [kind for kind in KINDS if kind[0] not in UNJOINABLE]


def test_every_container_that_libsndfile_reads_is_here() -> None:
    assert {kind for kind, _ in KINDS} == set(soundfile.available_formats()) - {"RAW", "SD2"}


@pytest.mark.parametrize(("kind", "subtype"), KINDS, ids=NAMES)
def test_a_good_file_is_read_whole(kind: str, subtype: str) -> None:
    got, notes = read(sound_file(kind, subtype))
    expected = tone(0.5, 300.0)
    # Codecs of fixed frames end with one that is not full.
    assert len(expected) <= len(got) <= len(expected) + 600
    rest = slice(1500, 6500)
    np.testing.assert_allclose(got[rest], expected[rest], atol=0.08)
    assert not notes or kind == "XI"


@pytest.mark.parametrize(("kind", "subtype"), MEASURED, ids=[f"{k}-{s}" for k, s in MEASURED])
@given(share=st.floats(0.02, 0.94))
@settings(max_examples=8, deadline=None)
def test_a_cut_file_is_refused(kind: str, subtype: str, share: float) -> None:
    data = sound_file(kind, subtype)
    found = outcome(data[: round(len(data) * share)])
    assert isinstance(found, str)
    assert found in {"truncated", "empty", "corrupt", "absurd-header", "not-audio"}


@pytest.mark.parametrize(("kind", "subtype"), MEASURED, ids=[f"{k}-{s}" for k, s in MEASURED])
@given(filler=FILLER)
@settings(max_examples=6, deadline=None)
def test_nothing_behind_the_sound_is_taken_for_sound(
    kind: str, subtype: str, filler: bytes
) -> None:
    data = sound_file(kind, subtype)
    found = outcome(data + filler)
    if subtype in {"ULAW", "ALAW"} and kind == "VOC" and not isinstance(found, str):
        # libsndfile counts the byte that ends a VOC file as a sample.
        found = found[: len(read(data)[0])]
    assert (
        found in ("wrong-length", "corrupt", "truncated")
        if isinstance(found, str)
        else is_same(found, data)
    )


@pytest.mark.parametrize(("kind", "subtype"), KINDS, ids=NAMES)
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_tag_before_any_format_is_passed_over(kind: str, subtype: str, size: int) -> None:
    data = sound_file(kind, subtype)
    assert is_same(outcome(id3v2(size) + data), data)


@pytest.mark.parametrize(("kind", "subtype"), JOINABLE, ids=[f"{k}-{s}" for k, s in JOINABLE])
def test_joined_files_are_read_to_the_end(kind: str, subtype: str) -> None:
    data = sound_file(kind, subtype)
    once, _ = read(data)
    twice, notes = read(data + data)
    np.testing.assert_array_equal(twice, np.concatenate([once, once]))
    assert any("joined" in note for note in notes)


@pytest.mark.parametrize("kind", ["HTK", "MPC2K", "SDS"])
def test_joined_files_that_have_no_mark_are_refused_with_both_numbers(kind: str) -> None:
    data = sound_file(kind, "PCM_16")
    with pytest.raises(AudioError) as caught:
        read(data + data)
    assert caught.value.reason == "wrong-length"


def test_joined_files_of_different_rates_and_channels() -> None:
    parts = []
    for rate, channels in ((8_000, 1), (16_000, 2), (44_100, 1)):
        out = io.BytesIO()
        sound = np.repeat(tone(1.0)[:rate, None], channels, 1)
        sound = np.resize(sound, (rate, channels))
        soundfile.write(out, sound, rate, format="FLAC")
        parts.append(out.getvalue())
    with open_recording(io.BytesIO(b"".join(parts))) as reader:
        assert (reader.frames, reader.seconds) == (None, 3.0)
        assert sum(len(block) for block in reader.mono_blocks(RATE)) == 3 * RATE


@given(st.lists(st.sampled_from(CHAINED), min_size=1, max_size=3), st.integers(1, 6))
@example([("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")], 1)
@settings(max_examples=25, deadline=None)
def test_chains_have_the_seconds_of_their_links(kinds: list[tuple[str, str]], tenths: int) -> None:
    # Nothing says where FLAC's frames end.
    kinds.sort(key=lambda kind: kind[0] == "FLAC")
    links = [sound_file(*kind, seconds=tenths / 10) for kind in kinds]
    with open_recording(io.BytesIO(b"".join(links))) as reader:
        total = sum(len(block) for block in reader.mono_blocks(RATE))
    assert total == len(links) * tenths * RATE // 10


@given(st.binary(max_size=400), st.sampled_from(STARTS))
@settings(max_examples=300, deadline=None)
def test_no_bytes_bring_anything_but_a_reason_or_sound(data: bytes, start: bytes) -> None:
    found = outcome(start + data)
    assert isinstance(found, str) or np.isfinite(found).all()
