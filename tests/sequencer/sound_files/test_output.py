"""What the files say of themselves, read back by libsndfile, mutagen and a reader of chunks."""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import mutagen
import mutagen.flac
import mutagen.oggopus
import mutagen.oggvorbis
import numpy as np
import pyloudnorm
import pytest
import soundfile

from sequencer.audio.loudness import Loudness
from sequencer.audio.recording import open_recording
from sequencer.clips.clips import Clip, Parent
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.score.score import Event, Master, Score, Section
from sequencer.sound_files.output import Form, form_of, sound_writer, wav_container
from sequencer.sound_files.tags import MOST_CUES, Cue, Tags, cues_of, tags_of
from tests.sequencer.rendered import score_of, written
from tests.sequencer.sounds import RATE, noise

TAGS = Tags("A title — ünïcode", "Ann; Bob", "CC-BY-4.0 https://x.example/by", "see credits")


@pytest.mark.parametrize(
    ("name", "frames", "bits", "container", "depth"),
    [
        ("a.wav", 10**6, 16, "WAV", 16),
        ("a.WAV", 2**31, 16, "RF64", 16),
        ("a.wav", 2**31 - 2**18, 16, "RF64", 16),
        ("a.wav", 2**30, 24, "WAV", 24),
        ("a.wav", 3 * 2**30, 24, "RF64", 24),
        ("a.flac", 2**31, 24, "FLAC", 24),
        ("a.ogg", 1, 16, "VORBIS", 32),
        ("a.opus", 1, 16, "OPUS", 32),
    ],
)
def test_the_name_and_the_size_tell_the_format(
    name: str, frames: int, bits: int, container: str, depth: int
) -> None:
    form = form_of(Path(name), sample_rate=48_000, channels=1, frames=frames, bits=bits)
    assert (form.container, form.bits) == (container, depth)


@pytest.mark.parametrize(
    ("name", "rate", "bits", "words"),
    [
        ("a.mp3", 16_000, 16, r"a\.mp3: end the name in one of \.wav, \.flac"),
        ("a.wav", 16_000, 20, "20 bits is not written; choose 16 or 24"),
        ("a.opus", 44_100, 16, "Opus has only the rates 8,000, .* set --sample-rate"),
    ],
)
def test_what_is_not_written_is_refused(name: str, rate: int, bits: int, words: str) -> None:
    with pytest.raises(SequencerError, match=words):
        form_of(Path(name), sample_rate=rate, channels=2, frames=1, bits=bits)


def chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Walk a RIFF or RF64 file as EBU Tech 3306 describes it."""
    data = path.read_bytes()
    form, size, wave = struct.unpack_from("<4sI4s", data)
    assert wave == b"WAVE"
    long_sizes: dict[bytes, int] = {}
    at = 12
    if form == b"RF64":
        name, length = struct.unpack_from("<4sI", data, at)
        assert (size, name, length) == (0xFFFFFFFF, b"ds64", 28)
        riff, samples, frames, table = struct.unpack_from("<QQQI", data, at + 8)
        long_sizes[b"data"] = samples
        yield b"frames", struct.pack("<Q", frames)
        size = riff
        assert table == 0
        at += 36
    else:
        assert form == b"RIFF"
    assert size == len(data) - 8
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        length = long_sizes.get(name, length)
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    assert at == len(data)


def write(path: Path, form: Form, samples: np.ndarray, cues: tuple[Cue, ...] = ()) -> None:
    with sound_writer(path, form, TAGS, cues) as sink:
        for start in range(0, len(samples), 1000):
            sink.write(samples[start : start + 1000])
        sink.finish(Loudness(-16.02, -12.0, -14.5, 7.123), -1.1)


@pytest.mark.parametrize("container", ["WAV", "RF64"])
@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_come_back_from_wav(
    tmp_path: Path, container: str, bits: int, channels: int
) -> None:
    path = tmp_path / "x.wav"
    rng = np.random.default_rng(0)
    if bits == 32:
        samples = rng.normal(0, 1, (2345, channels)).astype(np.float32)
    else:
        full = 1 << (bits - 1)
        samples = rng.integers(-full, full, (2345, channels)).astype(np.int32)
        samples[:2] = [[-full] * channels, [full - 1] * channels]
    write(path, Form(container, 44_100, channels, 2345, bits), samples, (Cue(7, "seven"),))
    with soundfile.SoundFile(path) as sound:
        assert (sound.format, sound.samplerate) == (container, 44_100)
        assert sound.subtype == ("FLOAT" if bits == 32 else f"PCM_{bits}")
        got = sound.read(dtype="float32" if bits == 32 else "int32", always_2d=True)
        texts = (sound.title, sound.artist, sound.copyright, sound.comment)
    np.testing.assert_array_equal(got, samples if bits == 32 else samples << (32 - bits))
    assert texts == (TAGS.title, TAGS.artist, TAGS.licence, TAGS.comment)
    with open_recording(path) as recording:
        assert recording.frames == 2345
    assert dict(chunks(path)).get(b"frames", struct.pack("<Q", 2345)) == struct.pack("<Q", 2345)


@pytest.mark.parametrize("container", ["WAV", "RF64"])
def test_the_broadcast_chunk_holds_the_loudness(tmp_path: Path, container: str) -> None:
    path = tmp_path / "x.wav"
    write(path, Form(container, 48_000, 2, 100), np.zeros((100, 2), np.int32))
    bext = dict(chunks(path))[b"bext"]
    # EBU Tech 3285, version 2: where each field stands.
    assert bext[:256].rstrip(b"\0").startswith(b"A title ? ?n?code; CC-BY-4.0")
    assert bext[256:288].rstrip(b"\0") == b"sequencer"
    assert struct.unpack_from("<H", bext, 346) == (2,)
    assert struct.unpack_from("<5h", bext, 412) == (-1602, 712, -110, -1200, -1450)
    assert bext[602:].startswith(b"A=PCM,F=48000,W=16,M=stereo")
    # What was not measured has the value that says so.
    with sound_writer(path, Form("WAV", 48_000, 1, 0), TAGS) as sink:
        sink.finish(None, None)
    assert struct.unpack_from("<5h", dict(chunks(path))[b"bext"], 412) == (0x7FFF,) * 5


class SfCue(ctypes.Structure):
    _fields_ = (
        ("indx", ctypes.c_int32),
        ("position", ctypes.c_uint32),
        ("fcc_chunk", ctypes.c_int32),
        ("chunk_start", ctypes.c_int32),
        ("block_start", ctypes.c_int32),
        ("sample_offset", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
    )


class SfCues(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint32), ("points", SfCue * 100))


def cues_by_libsndfile(path: Path) -> list[tuple[int, str]]:
    bundled = sorted(Path(soundfile.__file__).parent.glob("_soundfile_data/libsndfile*"))
    library = ctypes.CDLL(str(bundled[0]) if bundled else ctypes.util.find_library("sndfile"))
    library.sf_open.restype = ctypes.c_void_p
    sound = library.sf_open(str(path).encode(), 0x10, ctypes.create_string_buffer(64))
    assert sound
    handle = ctypes.c_void_p(sound)
    cues = SfCues()
    get_cue = 0x10CE
    assert library.sf_command(handle, get_cue, ctypes.byref(cues), ctypes.sizeof(cues))
    library.sf_close(handle)
    points = list(cues.points)[: cues.count]
    return [(cue.sample_offset, cue.name.decode()) for cue in points]


def cues_in_chunks(path: Path) -> list[tuple[int, str]]:
    """The same by the chunks: libsndfile reads no cues from RF64."""
    places, names = {}, {}
    for name, body in chunks(path):
        if name == b"cue ":
            for number, place, chunk, *_, offset in struct.iter_unpack("<II4sIII", body[4:]):
                assert (chunk, place) == (b"data", offset)
                places[number] = place
        if name == b"LIST" and body[:4] == b"adtl":
            at = 4
            while at < len(body):
                kind, size, number = struct.unpack_from("<4sII", body, at)
                assert kind == b"labl"
                names[number] = body[at + 12 : at + 8 + size].rstrip(b"\0").decode()
                at += 8 + size + size % 2
    return [(place, names[number]) for number, place in places.items()]


@pytest.mark.parametrize("container", ["WAV", "RF64"])
def test_cues_and_labels_are_read_back(tmp_path: Path, container: str) -> None:
    path = tmp_path / "x.wav"
    cues = (Cue(0, "first"), Cue(1234, "Zweiter — ü"), Cue(4_000_000_000, "far"))
    write(path, Form(container, 44_100, 1, 2001, 24), np.zeros((2001, 1), np.int32), cues)
    assert cues_in_chunks(path) == [(cue.position, cue.label) for cue in cues]
    if container == "WAV":
        assert cues_by_libsndfile(path) == cues_in_chunks(path)


@pytest.fixture
def score(tmp_path: Path) -> Score:
    sounds = {name: noise(2.0, 0.1, seed) for seed, name in enumerate("ab")}
    events = [
        Event(0, "a", 0, 2 * RATE, fade_out=RATE),
        Event(RATE, "b", 0, 2 * RATE, fade_in=RATE),
    ]
    made = score_of(tmp_path, sounds, events, 3 * RATE, licence="CC-BY-4.0")
    authors = [("Rain", "Ann\nAnn"), ("Wind", "Bob")]
    parents = tuple(Parent(t, rights=Rights(t, a, "CC-BY-4.0")) for t, a in authors)
    clips = {name: replace(clip, parents=parents) for name, clip in made.clips.items()}
    return replace(made, clips=clips, master=Master(loudness=-20.0))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus"])
def test_a_piece_says_what_it_is(score: Score, tmp_path: Path, suffix: str) -> None:
    piece = written(score, tmp_path, f"x.{suffix}", listen=True, sample_rate=48_000, title="Storm")
    samples, rate = soundfile.read(piece.out)
    assert (len(samples), rate) == (3 * 48_000, 48_000)
    oracle = pyloudnorm.Meter(rate).integrated_loudness(samples)
    assert oracle == pytest.approx(-20, abs=0.1 if suffix in ("wav", "flac") else 1)
    licence = "CC-BY-4.0 https://creativecommons.org/licenses/by/4.0/"
    with soundfile.SoundFile(piece.out) as sound:
        assert (sound.title, sound.artist, sound.copyright) == ("Storm", "Ann Ann; Bob", licence)
        assert "the credits beside it" in sound.comment
    if suffix == "wav":
        bext = dict(chunks(piece.out))[b"bext"]
        assert struct.unpack_from("<h", bext, 412)[0] / 100 == pytest.approx(oracle, abs=0.15)
        assert [place for place, _ in cues_by_libsndfile(piece.out)] == [0, 48_000]
        assert '"Rain" by Ann Ann' in cues_by_libsndfile(piece.out)[0][1]
    else:
        tags = mutagen.File(piece.out).tags
        assert (tags["title"], tags["license"]) == (["Storm"], [licence])


@pytest.mark.parametrize("suffix", ["ogg", "opus", "flac", "wav"])
def test_the_same_piece_is_the_same_bytes_at_another_time(
    score: Score, tmp_path: Path, suffix: str
) -> None:
    first = written(score, tmp_path, f"x.{suffix}").out.read_bytes()
    time.sleep(1.1)  # another second of the clock, which no file may hold
    path = written(score, tmp_path, f"x.{suffix}").out
    assert path.read_bytes() == first
    if suffix in ("ogg", "opus"):
        # mutagen checks no CRC, libsndfile does: a page it does not trust is lost.
        assert soundfile.info(path).frames == score.samples
        assert np.abs(soundfile.read(path)[0][-2000:-1000]).max() > 0.05


def test_tags_stay_short(score: Score) -> None:
    many = {
        f"c{n}": Clip(
            f"c{n}", "x.wav", parents=(Parent(str(n), rights=Rights("t" * 99, f"{n}é" * 9)),)
        )
        for n in range(200)
    }
    tags = tags_of(replace(score, clips=many, events=()), title="x" * 999)
    assert "and 1" in tags.artist
    assert sum(len(text.encode()) for text in astuple(tags)) < 1000
    unknown = tags_of(replace(score, licence=""), artist="Me")
    assert unknown.title == "composition, seed 3"
    assert (unknown.artist, unknown.licence) == ("Me", "licence unknown, see the credits")


def test_many_clips_are_marked_by_their_sections(score: Score) -> None:
    events = tuple(Event(n, "a", 0, 10) for n in range(MOST_CUES + 1))
    sections = (Section(0, "sparse"), Section(RATE, "rising"))
    cues = cues_of(replace(score, events=events, sections=sections), 48_000)
    assert cues == (Cue(0, "section: sparse"), Cue(48_000, "section: rising"))


def test_a_file_beyond_four_gigabytes_is_rf64() -> None:
    assert wav_container(2**32 - 2**21) == "WAV"
    assert wav_container(2**32) == "RF64"
