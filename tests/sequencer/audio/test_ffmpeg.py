"""What ffmpeg reads, where it is installed and where it is not."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sequencer.audio.ffmpeg import ffmpeg_version
from sequencer.audio.recording import load_audio, open_recording
from sequencer.errors import AudioError
from tests.sequencer.audio.containers.files import chunk, fmt, id3v2, wave
from tests.sequencer.sounds import RATE, encoded, tone

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
# Name, options, how long a codec's frame is at most.
MADE = [
    ("phone.m4a", "-c:a aac"),
    ("fragments.mp4", "-c:a aac -movflags frag_keyframe+empty_moov"),
    ("lossless.m4a", "-c:a alac"),
    ("browser.webm", "-c:a libopus"),
    ("windows.wma", "-c:a wmav2"),
    ("radio.aac", "-c:a aac -f adts"),
    ("film.mkv", "-c:a libvorbis"),
    ("old.avi", "-c:a mp2"),
    ("dolby.ac3", "-c:a ac3"),
    ("small.wv", "-c:a wavpack"),
    ("stream.ts", "-c:a aac -f mpegts"),
    ("other.wav", "-c:a ac3 -f wav"),
]
HEADS = [
    (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0", "MPEG-4"),
    (b"\x1aE\xdf\xa3\x01\0\0\0", "Matroska"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(30), "Windows Media"),
    (b"#!AMR\n" + bytes(40), "AMR"),
    (b"\xff\xf1\x50\x80\x01\x1f\xfc", "AAC"),
    (wave(fmt(tag=0x2000), chunk(b"data", bytes(4000))), "WAV file of another codec"),
]


def made(folder: Path, name: str, options: str) -> Path:
    """Return a file of two seconds that ffmpeg wrote."""
    path = folder / name
    source = folder / "source.wav"
    source.write_bytes(encoded(tone(2.0, 300.0)))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", source, *options.split(), path], check=True
    )
    return path


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options"), MADE)
def test_what_ffmpeg_reads_is_read(tmp_path: Path, name: str, options: str) -> None:
    path = made(tmp_path, name, options)
    whole = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a:0", "-f", "f32le", "-"],
        capture_output=True,
        check=True,
    ).stdout
    with open_recording(path) as reader:
        assert reader.format.startswith("ffmpeg/")
        got = np.concatenate(list(reader.mono_blocks(reader.sample_rate)))
    # Its own command gives the same samples.
    np.testing.assert_array_equal(got, np.frombuffer(whole, np.float32))
    # A stream without a descriptor is copied first.
    again = load_audio(io.BytesIO(path.read_bytes()), RATE)
    assert abs(len(again) - 2 * RATE) < 2500
    middle = again[8000:24000]
    assert 0.45 < np.abs(middle).max() < 0.6


@needs_ffmpeg
def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    picture = "-f lavfi -i color=c=red:s=32x32:d=3 -c:a aac"
    path = made(tmp_path, "film.mp4", picture)
    assert abs(len(load_audio(path, RATE)) - 2 * RATE) < 2500


@needs_ffmpeg
def test_a_video_without_sound_is_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    picture = ["-f", "lavfi", "-i", "color=c=red:s=32x32:d=1"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, path], check=True)
    with pytest.raises(AudioError) as caught:
        open_recording(path)
    assert caught.value.reason == "not-audio"


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options"), [MADE[0], MADE[1], MADE[3], MADE[7], MADE[9]])
@pytest.mark.parametrize("share", [0.03, 0.6])
def test_a_cut_file_is_refused(tmp_path: Path, name: str, options: str, share: float) -> None:
    data = made(tmp_path, name, options).read_bytes()
    with pytest.raises(AudioError) as caught:
        load_audio(io.BytesIO(data[: round(len(data) * share)]))
    assert caught.value.reason in {"truncated", "corrupt"}


@needs_ffmpeg
def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded(tone(1.0)))
    lists = [
        f"#EXTM3U\n#EXTINF:1,\n{secret}\n",
        f"ffconcat version 1.0\nfile {secret}\n",
        f"<?xml version='1.0'?><MPD><BaseURL>{secret}</BaseURL></MPD>",
    ]
    for content in lists:
        with pytest.raises(AudioError) as caught:
            load_audio(io.BytesIO(content.encode()))
        assert caught.value.reason == "not-audio"


@pytest.mark.parametrize(("head", "name"), HEADS)
def test_without_ffmpeg_each_file_is_named_with_what_to_install(
    head: bytes, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError) as caught:
        load_audio(io.BytesIO(head))
    assert caught.value.reason == "needs-ffmpeg"
    assert name in caught.value.detail
    assert "apt-get install ffmpeg" in caught.value.detail


def test_the_version_is_known() -> None:
    assert (ffmpeg_version() == "none") == (FFMPEG is None)


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options"), MADE)
def test_joined_files_are_read_to_the_end_or_refused(
    tmp_path: Path, name: str, options: str
) -> None:
    data = made(tmp_path, name, options).read_bytes()
    once = len(load_audio(io.BytesIO(data), RATE))
    try:
        assert abs(len(load_audio(io.BytesIO(data + data), RATE)) - 2 * once) < 2500
    except AudioError as error:
        assert error.reason in {"wrong-length", "corrupt", "truncated"}


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options"), MADE)
@pytest.mark.parametrize("size", [0, 100_000])
def test_a_tag_before_it_is_passed_over(tmp_path: Path, name: str, options: str, size: int) -> None:
    data = made(tmp_path, name, options).read_bytes()
    got = load_audio(io.BytesIO(id3v2(size) + data), RATE)
    np.testing.assert_array_equal(got, load_audio(io.BytesIO(data), RATE))
