"""From a score to sound, in one pass and bounded memory.

Events are mixed in float at the score's rate in order of their starts; what no later event can
reach leaves at once, through the master's fades and gain, one soxr stream, dither and the one
integer rounding, into the file. Memory is bounded by the longest events that sound together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sequencer.audio import SAMPLE_RATE, open_recording
from sequencer.draws import generator
from sequencer.errors import AudioError, SequencerError
from sequencer.fades import Curve, correlation, fade_curves
from sequencer.files import naming
from sequencer.output import sound_writer
from sequencer.samples import Resampler, to_int16
from sequencer.score import Event, Score, with_gain

PEAK_DBFS = -1.0
"""Where the master gain puts the loudest sample …"""
MOST_GAIN_DB = 30.0
"""… unless that takes more than this, which would lift nothing but hiss."""
OUTPUT_RATES = (8_000, 192_000)

# Where the sizes in a RIFF header, which have 32 bits, come to their end.
_RIFF_LIMIT = 0xFFFFFFFF - 65_536
_BLOCK = 1 << 16

Mix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rendered:
    """What came of a rendering.

    Attributes
    ----------
    samples : int
        Length at the output's rate.
    sample_rate : int
        In Hz.
    peak : float
        Largest magnitude before rounding, full scale 1.
    clipped : int
        Samples that went beyond full scale and were cut there.
    """

    samples: int
    sample_rate: int
    peak: float
    clipped: int


def render(
    score: Score, folder: str | Path, path: str | Path, *, container: str, sample_rate: int
) -> Rendered:
    """Render a score to a 16-bit file.

    Parameters
    ----------
    score : Score
        What to play.
    folder : str or Path
        Where the score's clips are.
    path : str or Path
        The file to write, of any name: what it holds after an error is worthless, so a name that
        matters is for the caller to give when all is well.
    container : str
        libsndfile's format, see `output_format`.
    sample_rate : int
        Of the output in Hz. The mix is resampled once.

    Returns
    -------
    Rendered

    Raises
    ------
    SequencerError
        A clip that cannot be read, is shorter than the score says or is not the file that the
        score was made of, or a rate out of bounds.
    OSError
        What reading or writing raised, with the name of the file.
    """
    _check_rate(sample_rate)
    _check_files(score, Path(folder))
    rng = generator(score.seed, "dither")
    peak, clipped, written = 0.0, 0, 0
    with sound_writer(Path(path), container=container, sample_rate=sample_rate) as write:
        for block in _mastered(score, Path(folder), sample_rate):
            levels = np.abs(block)
            peak = max(peak, float(levels.max(initial=0.0)))
            clipped += int(np.count_nonzero(levels > 1.0))
            # Triangular, two steps wide: the rounding error has no colour and no modulation.
            draws = rng.random((len(block), 2), dtype=np.float32)
            write(to_int16(block + (draws[:, 0] - draws[:, 1]) / 32768.0))
            written += len(block)
    return Rendered(written, sample_rate, peak, clipped)


def with_measured_gain(
    score: Score, folder: str | Path, *, sample_rate: int = SAMPLE_RATE
) -> Score:
    """Listen to a score once and give it the master gain that puts its peak at `PEAK_DBFS`.

    The gain is held in the score, so a later rendering, of a part too, needs not listen again.
    """
    _check_rate(sample_rate)
    flat = with_gain(score, 0.0)
    peak = 0.0
    for block in _mastered(flat, Path(folder), sample_rate):
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
    if peak <= 0.0:
        return flat
    # Rounded down: never above the peak that was asked for.
    gain = math.floor((PEAK_DBFS - 20 * math.log10(peak)) * 100) / 100
    return with_gain(score, min(gain, MOST_GAIN_DB))


def output_format(path: Path, samples: int) -> str:
    """Choose libsndfile's format by suffix and size.

    Raises
    ------
    SequencerError
        For a suffix other than ``.wav`` and ``.flac``.
    """
    suffix = path.suffix.lower()
    if suffix == ".flac":
        return "FLAC"
    if suffix != ".wav":
        raise SequencerError(f"{path}: end the name in .wav or .flac, which tells the format")
    return "RF64" if 2 * samples > _RIFF_LIMIT else "WAV"


def _check_rate(sample_rate: int) -> None:
    least, most = OUTPUT_RATES
    if not least <= sample_rate <= most:
        raise SequencerError(f"the output's rate must be from {least:,} to {most:,} Hz")


def _check_files(score: Score, folder: Path) -> None:
    """Refuse clips that are not those of the score, before any time is spent on them."""
    playing = {event.clip for event in score.events}
    for clip in score.clips.values():
        if clip.clip_id not in playing or not clip.sha256:
            continue
        path = folder / clip.file
        with naming(path), path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != clip.sha256:
            raise SequencerError(
                f"{path}: not the file that the score was made of (its sha256 begins with "
                f"{found[:12]}, the score says {clip.sha256[:12]}); compose again, or remove "
                "'sha256' from this clip in the score to play what is there now"
            )


def _mastered(score: Score, folder: Path, sample_rate: int) -> Iterator[npt.NDArray[np.float32]]:
    """Give the mix with the master's fades and gain, at the output's rate, in blocks."""
    resampler = Resampler(score.sample_rate, sample_rate)
    gain = 10 ** (score.master.gain_db / 20)
    position = 0
    for mixed in _mix(score, folder):
        for start in range(0, len(mixed), _BLOCK):
            block = mixed[start : start + _BLOCK] * gain
            _fade_ends(block, position, score)
            position += len(block)
            yield resampler.add(block.astype(np.float32))
    yield resampler.finish()


def _fade_ends(block: Mix, position: int, score: Score) -> None:
    """Apply raised cosines over the first and last samples of the composition, in place."""
    master = score.master
    for length, first, rises in (
        (master.fade_in, 0, True),
        (master.fade_out, score.samples - master.fade_out, False),
    ):
        lo, hi = max(position, first), min(position + len(block), first + length)
        if lo < hi:
            time = (np.arange(lo, hi) - first + 0.5) / length
            falling = 0.5 + 0.5 * np.cos(np.pi * time)
            block[lo - position : hi - position] *= 1.0 - falling if rises else falling


def _mix(score: Score, folder: Path) -> Iterator[Mix]:
    """Mix the events: blocks of any size, ``score.samples`` in all."""
    buffer = np.zeros(0)
    base = 0
    pending: _Playing | None = None
    for event in score.events:
        playing = _Playing(event, _samples_of(event, score, folder), score)
        if pending is not None:
            pending.join(playing)
            buffer = _added(buffer, base, pending)
            done = min(event.start, score.samples) - base
            if done > 0:
                if done > len(buffer):
                    buffer = np.pad(buffer, (0, done - len(buffer)))
                yield buffer[:done]
                buffer = buffer[done:]
                base += done
        elif event.start > 0:
            yield from _silence(event.start)
            base = event.start
        pending = playing
    if pending is not None:
        buffer = _added(buffer, base, pending)
    rest = score.samples - base
    yield buffer[:rest]
    yield from _silence(rest - len(buffer))


def _silence(length: int) -> Iterator[Mix]:
    for start in range(0, length, _BLOCK):
        yield np.zeros(min(_BLOCK, length - start))


def _added(buffer: Mix, base: int, playing: _Playing) -> Mix:
    start, sound = playing.event.start - base, playing.sound()
    if start + len(sound) > len(buffer):
        buffer = np.pad(buffer, (0, start + len(sound) - len(buffer)))
    buffer[start : start + len(sound)] += sound
    return buffer


class _Playing:
    """An event with its samples, whose fade-out waits for the event that follows."""

    def __init__(self, event: Event, samples: Mix, score: Score) -> None:
        self.event = event
        self._samples = samples
        self._law = score.fade_law
        self._in: Curve | None = None
        self._out: Curve | None = None

    def join(self, after: _Playing) -> None:
        """Fit both fades to each other where they cover the same span."""
        length = self.event.fade_out
        same = self.event.end == after.event.start + length
        if self._law != "matched" or not same or length == 0 or length != after.event.fade_in:
            return
        rho = correlation(self._samples[-length:], after._samples[:length])
        self._out, after._in = fade_curves(length, self._law, rho)

    def sound(self) -> Mix:
        """Give the faded samples, once: they are changed in place."""
        event, faded = self.event, self._samples
        rising = fade_curves(event.fade_in, self._law)[1] if self._in is None else self._in
        falling = fade_curves(event.fade_out, self._law)[0] if self._out is None else self._out
        faded[: event.fade_in] *= rising
        faded[event.length - event.fade_out :] *= falling
        return faded


def _samples_of(event: Event, score: Score, folder: Path) -> Mix:
    """Read the part of the clip that plays, mono at the score's rate, at the event's level."""
    clip = score.clips[event.clip]
    stop = event.offset + event.length
    parts = []
    position = 0
    try:
        with naming(folder / clip.file), open_recording(folder / clip.file) as recording:
            for block in recording.mono_blocks(score.sample_rate):
                parts.append(block[max(0, event.offset - position) : max(0, stop - position)])
                position += len(block)
                if position >= stop:
                    break
    except AudioError as error:
        raise SequencerError(f"{folder / clip.file}: {error}") from error
    if position < stop:
        raise SequencerError(
            f"{folder / clip.file}: the score plays it up to {stop / score.sample_rate:.4f} s, "
            f"but it ends at {position / score.sample_rate:.4f} s; compose again"
        )
    samples = np.concatenate(parts).astype(np.float64)
    return samples * 10 ** (event.gain_db / 20)
