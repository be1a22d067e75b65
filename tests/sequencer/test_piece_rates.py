"""A piece has the rate of its clips, and times, levels and pitches are right at any rate."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from sequencer.composing.candidates import find_candidates
from sequencer.composing.compose import compose
from sequencer.errors import SequencerError
from sequencer.exports.media import Media
from sequencer.exports.midi import midi_bytes
from sequencer.exports.otio import otio_text
from sequencer.exports.reaper import reaper_text
from sequencer.pictures import timeline
from sequencer.piece import Piece, make_piece, write_piece
from sequencer.rendering.output_paths import Writing
from sequencer.score.files import read_score, score_json

RATES = (8_000, 22_050, 44_100)
TONES = {"low": 220.0, "middle": 523.0, "high": 1318.0}
SECONDS = 6


def sound(frequency: float, rate: int, seconds: float = 2.0) -> npt.NDArray[np.float64]:
    """A decaying tone, with a quieter one just below the highest frequency that the rate holds."""
    at = np.arange(round(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * frequency * at) + 0.05 * np.sin(2 * np.pi * 0.45 * rate * at)
    faded: npt.NDArray[np.float64] = tone * np.linspace(1, 0.1, len(at))
    return faded


def folder_of(folder: Path, rate: int) -> Path:
    folder.mkdir()
    for name, frequency in TONES.items():
        soundfile.write(folder / f"{name}.wav", sound(frequency, rate), rate)
    return folder


def strongest(samples: npt.NDArray[np.float64], rate: int) -> float:
    """The frequency of the strongest line, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.argmax(spectrum)) * rate / (8 * len(samples))


def piece_at(rate: int, folder: Path) -> Piece:
    clips = folder_of(folder / "clips", rate)
    return make_piece(clips, folder / "piece.wav", minutes=SECONDS / 60, seed=3)


@pytest.mark.parametrize("rate", RATES)
def test_a_piece_has_the_rate_of_its_clips_and_their_pitches(tmp_path: Path, rate: int) -> None:
    piece = piece_at(rate, tmp_path)
    samples, written = soundfile.read(piece.out, always_2d=True)
    assert (piece.score.sample_rate, written, len(samples)) == (rate, rate, SECONDS * rate)
    assert piece.score.seconds == pytest.approx(SECONDS)
    checked = 0
    for event in piece.score.events:
        assert piece.score.clips[event.clip].seconds == pytest.approx(2.0)
        others = [other for other in piece.score.events if other is not event]
        first = max([event.start, *(o.end for o in others if o.start <= event.start)])
        last = min([event.end, *(o.start for o in others if o.start > event.start)])
        alone = samples[first:last].mean(axis=1)
        if len(alone) < rate // 4:
            continue
        name = Path(piece.score.clips[event.clip].file).stem
        assert strongest(alone, rate) == pytest.approx(TONES[name], rel=0.005)
        checked += 1
    assert checked
    # What only this rate holds is there: nothing went through a lower one.
    spectrum = np.abs(np.fft.rfft(samples.mean(axis=1)))
    top = len(spectrum) * np.array([0.88, 0.92])
    above = len(spectrum) * np.array([0.94, 0.99])
    assert spectrum[int(top[0]) : int(top[1])].max() > 30 * np.median(
        spectrum[int(above[0]) : int(above[1])]
    )


def test_length_and_loudness_are_the_same_at_every_rate(tmp_path: Path) -> None:
    loudness = []
    for rate in RATES:
        (tmp_path / str(rate)).mkdir()
        piece = piece_at(rate, tmp_path / str(rate))
        assert piece.rendered.frames == SECONDS * rate
        loudness.append(piece.rendered.loudness.integrated)
    aim = piece.score.master.loudness
    assert aim is not None
    assert loudness == pytest.approx([aim] * len(RATES), abs=0.3)


@pytest.mark.parametrize("rate", RATES)
def test_exports_and_the_timeline_count_in_seconds(tmp_path: Path, rate: int) -> None:
    import mido
    import opentimelineio
    import rpp

    piece = piece_at(rate, tmp_path)
    media = Media(tmp_path / "clips", tmp_path)
    last = max(event.end for event in piece.score.events) / rate
    otio = opentimelineio.adapters.read_from_string(otio_text(piece.score, media), "otio_json")
    assert otio.duration().to_seconds() == pytest.approx(last, abs=0.05)
    project = rpp.loads(reaper_text(piece.score, media))
    items = [item for track in project.findall("TRACK") for item in track.findall("ITEM")]
    ends = [float(i.find("POSITION")[1]) + float(i.find("LENGTH")[1]) for i in items]
    assert max(ends) == pytest.approx(last, abs=0.01)
    assert mido.MidiFile(file=io.BytesIO(midi_bytes(piece.score))).length <= SECONDS + 0.1
    points = timeline._loudness(piece.out)
    assert 0 < points[0][0] < points[-1][0] < SECONDS
    assert max(level for _, level in points) == pytest.approx(
        piece.rendered.loudness.integrated, abs=4
    )
    assert timeline.timeline(piece.score, piece.out).startswith(b"\x89PNG")


def test_most_clips_set_the_rate_and_a_score_keeps_it(tmp_path: Path) -> None:
    clips = folder_of(tmp_path / "clips", 22_050)
    soundfile.write(clips / "other.wav", sound(880.0, 48_000), 48_000)
    piece = make_piece(clips, tmp_path / "piece.wav", minutes=0.1, seed=1)
    assert soundfile.info(piece.out).samplerate == 22_050
    again = write_piece(read_score(piece.score_path), clips, tmp_path / "again.wav")
    assert again.out.read_bytes() == piece.out.read_bytes()
    asked = make_piece(
        clips, tmp_path / "asked.wav", minutes=0.1, seed=1, writing=Writing(sample_rate=48_000)
    )
    assert soundfile.info(asked.out).samplerate == 48_000
    assert score_json(asked.score) == score_json(piece.score)


def test_opus_has_the_next_rate_up(tmp_path: Path) -> None:
    clips = folder_of(tmp_path / "clips", 22_050)
    piece = make_piece(clips, tmp_path / "piece.opus", minutes=0.1, seed=1)
    assert (piece.score.sample_rate, piece.rendered.sample_rate) == (22_050, 24_000)


def test_clips_of_two_measured_rates_are_not_composed(tmp_path: Path) -> None:
    clips = folder_of(tmp_path / "clips", 8_000)
    found = find_candidates(clips).candidates
    other = find_candidates(clips, sample_rate=16_000).candidates
    with pytest.raises(SequencerError, match="8,000 and 16,000 Hz"):
        compose([found[0], *other[1:]], 0.1, 1)
