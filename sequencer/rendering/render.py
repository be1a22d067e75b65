"""From a score to sound: the mix once into the spool, then one pass over it into the file.

That pass is the master's fades and gain, one soxr stream a channel, the limiter, dither and the one
rounding. Everything goes through it in blocks of a fixed length, whatever the spans are, so the
bytes depend on nothing but the score, the clips and the form of the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sequencer.audio.loudness import (
    BLOCK_SECONDS,
    Loudness,
    LoudnessMeter,
    integrated_loudness,
    loudness_of,
)
from sequencer.audio.samples import Resampler, Samples
from sequencer.audio.true_peak import TruePeakMeter
from sequencer.errors import SequencerError
from sequencer.rendering.dither import dither
from sequencer.rendering.limiter import MARGIN_DB, Limiter
from sequencer.rendering.spans import SpannedMix
from sequencer.score.score import Score, with_gain
from sequencer.sound_files.output import OUTPUT_RATES, Form, sound_writer
from sequencer.sound_files.tags import Cue, Tags

MOST_GAIN_DB = 30.0
"""More than this would lift nothing but hiss."""

_BLOCK = 1 << 16
# How close the loudness comes to what was aimed at, and how often it is tried: each time the
# limiter takes some of what the gain added.
_CLOSE_LU = 0.05
_MOST_TRIES = 6
# A loudness is given up, and its score's aim with it, where more than this is missing.
_SOFTER_LU = 0.25


@dataclass(frozen=True)
class Rendered:
    """What came of a rendering.

    Attributes
    ----------
    frames, sample_rate : int
        Length and rate of the output.
    loudness : Loudness
        Of the output.
    true_peak : float or None
        Of the output in dBTP; None for silence.
    reduction : float
        The most that the limiter took away, in dB, 0 or more.
    """

    frames: int
    sample_rate: int
    loudness: Loudness
    true_peak: float | None
    reduction: float


def check_rate(sample_rate: int) -> None:
    """Refuse a rate that is out of bounds for an output."""
    least, most = OUTPUT_RATES
    if not least <= sample_rate <= most:
        raise SequencerError(f"the output's rate must be from {least:,} to {most:,} Hz")


def render(
    score: Score,
    mix: SpannedMix,
    path: Path,
    form: Form,
    tags: Tags,
    cues: tuple[Cue, ...] = (),
    *,
    loudness: Loudness | None = None,
) -> Rendered:
    """Render a score into a file.

    Parameters
    ----------
    score : Score
        Its master is applied; its events are those of `mix`.
    mix : SpannedMix
    path : Path
        The file to write, of any name: what it holds after an error is worthless, so a name that
        matters is for the caller to give when all is well.
    form : Form
        See `sequencer.sound_files.output.form_of`.
    tags : Tags
    cues : tuple of Cue
    loudness : Loudness, optional
        Of the output, where `measured` found it; it is measured otherwise.

    Returns
    -------
    Rendered

    Raises
    ------
    SequencerError
        A clip that cannot be read, is shorter than the score says or changed, or a spool that
        cannot be written.
    OSError
        What reading or writing raised, with the name of the file.
    """
    dithered = dither(score.seed, form.bits)
    meter = LoudnessMeter(score.channels, form.sample_rate)
    limiter = _limiter(score, form.sample_rate)
    frames = 0
    on_block = _ignore if loudness else meter.add
    with sound_writer(path, form, tags, cues) as sink, _Beside(on_block) as listen:
        for block in _limited(limiter, _resampled(score, mix.blocks(), form.sample_rate)):
            if block.shape[1]:
                listen(block)
                sink.write(dithered(block))
                frames += block.shape[1]
        listen.wait()
        loudness = loudness or meter.loudness()
        true_peak = _in_db(limiter.peak)
        sink.finish(loudness, true_peak)
    return Rendered(frames, form.sample_rate, loudness, true_peak, -20 * math.log10(limiter.least))


def render_stem(
    score: Score, blocks: Iterable[Samples], path: Path, form: Form, tags: Tags
) -> None:
    """Write one layer at the master's fades and gain, in float, neither limited nor dithered.

    Together the stems of all layers are the mix before its limiter.
    """
    with sound_writer(path, form, tags) as sink:
        for block in _resampled(score, blocks, form.sample_rate):
            if block.shape[1]:
                sink.write(np.ascontiguousarray(block.T))
        sink.finish(None, None)


def measured(
    score: Score, mix: SpannedMix, sample_rate: int, *, most_limiting: float | None = None
) -> tuple[Score, Loudness | None]:
    """Listen to a mix and give its score the master gain that its loudness and peak ask for.

    The gain is held in the score, so a later rendering, of a part too, needs not listen again.
    Where there is no loudness to aim at, or none to measure, which a note then says, the true peak
    is put at ``master.true_peak``.

    Parameters
    ----------
    score : Score
    mix : SpannedMix
        Of its events.
    sample_rate : int
        Of the output in Hz: what resampling leaves out is not audible.
    most_limiting : float, optional
        What the limiter may take off peaks, in dB. Where the loudness needs more, the score gets
        the gain that this allows, and the loudness that comes of it as its own.

    Returns
    -------
    Score
    Loudness or None
        What the output will have; None where the limiter has a part in that.
    """
    meter, peaks = LoudnessMeter(score.channels, sample_rate), TruePeakMeter(score.channels)
    with _Beside(meter.add) as listen:
        for block in _resampled(with_gain(score, 0.0), mix.blocks(), sample_rate):
            listen(block)
            peaks.add(block)
        listen.wait()
    peaks.finish()
    measured = meter.loudness()
    if peaks.peak <= 0.0:
        return with_gain(score, 0.0), measured
    room = score.master.true_peak - MARGIN_DB - 20 * math.log10(peaks.peak)
    aim = score.master.loudness
    gain = room
    if aim is not None and measured.integrated is None:
        short = score.seconds < BLOCK_SECONDS
        why = f"it is shorter than {BLOCK_SECONDS:g} s" if short else "it is nearly silent"
        note = f"the loudness of {aim:g} LUFS cannot be reached, since {why}: its peak was set"
        score = replace(score, notes=(*score.notes, note))
    elif aim is not None:
        gain = _gain_before_limiting(meter.hops, aim)
    if gain > room:
        most = MOST_GAIN_DB if most_limiting is None else min(MOST_GAIN_DB, room + most_limiting)
        gain, got = _gain_with_limiting(score, mix, sample_rate, gain, most)
        assert aim is not None
        if most_limiting is not None and got is not None and got < aim - _SOFTER_LU:
            score = replace(score, master=replace(score.master, loudness=round(got, 1)))
        return with_gain(score, _rounded(gain)), None
    gain = _rounded(gain)
    return with_gain(score, gain), loudness_of(meter.hops * 10 ** (gain / 10))


def _gain_before_limiting(hops: npt.NDArray[np.float64], aim: float) -> float:
    """Find the gain for a loudness: what passes the absolute gate depends on the gain itself."""
    gain = 0.0
    for _ in range(_MOST_TRIES):
        found = integrated_loudness(hops * 10 ** (gain / 10))
        if found is None or abs(aim - found) < _CLOSE_LU / 10:
            break
        gain = min(MOST_GAIN_DB, gain + aim - found)
    return gain


def _gain_with_limiting(
    score: Score, mix: SpannedMix, sample_rate: int, gain: float, most: float
) -> tuple[float, float | None]:
    """Find the gain for a loudness, `most` dB at most, and return what comes of it."""
    aim = score.master.loudness
    assert aim is not None
    gain = min(gain, most)
    slope, before = 1.0, (0.0, 0.0)
    for turn in range(_MOST_TRIES):
        limiter = _limiter(score, sample_rate)
        meter = LoudnessMeter(score.channels, sample_rate)
        sound = _resampled(with_gain(score, gain), mix.blocks(), sample_rate)
        with _Beside(meter.add) as listen:
            for block in _limited(limiter, sound):
                listen(block)
            listen.wait()
        found = meter.loudness().integrated
        if found is None or abs(aim - found) < _CLOSE_LU or (gain == most and found < aim):
            break
        if turn and gain != before[0]:
            # The limiter takes the more the louder it gets: follow what the last step brought.
            slope = min(1.0, max(0.2, (found - before[1]) / (gain - before[0])))
        before = (gain, found)
        gain = min(most, gain + (aim - found) / slope)
    return gain, found


def _limiter(score: Score, sample_rate: int) -> Limiter:
    return Limiter(score.channels, sample_rate, 10 ** (score.master.true_peak / 20))


def _rounded(gain: float) -> float:
    """Cut to hundredths of a dB, downwards: never above the peak that was asked for."""
    return min(math.floor(gain * 100) / 100, MOST_GAIN_DB)


def _mastered(score: Score, blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Return the mix with the master's fades and gain, in blocks of one length but the last."""
    gain = 10 ** (score.master.gain_db / 20)
    position = 0
    for block in _even(blocks):
        exact = block.astype(np.float64) * gain
        _fade_ends(exact, position, score)
        position += exact.shape[1]
        yield exact.astype(np.float32)


def _even(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Cut blocks [channels, n] of any length into blocks of one length, but the last."""
    parts: list[Samples] = []
    held = 0
    for block in blocks:
        start = 0
        while held + block.shape[1] - start >= _BLOCK:
            stop = start + _BLOCK - held
            yield np.concatenate([*parts, block[:, start:stop]], axis=1)
            parts, held, start = [], 0, stop
        if start < block.shape[1]:
            parts.append(block[:, start:])
            held += block.shape[1] - start
    if parts:
        yield np.concatenate(parts, axis=1)


def _fade_ends(block: npt.NDArray[np.float64], position: int, score: Score) -> None:
    """Apply raised cosines over the first and last samples of the composition, in place."""
    master = score.master
    for length, first, rises in (
        (master.fade_in, 0, True),
        (master.fade_out, score.samples - master.fade_out, False),
    ):
        lo, hi = max(position, first), min(position + block.shape[1], first + length)
        if lo < hi:
            time = (np.arange(lo, hi) - first + 0.5) / length
            falling = 0.5 + 0.5 * np.cos(np.pi * time)
            block[:, lo - position : hi - position] *= 1.0 - falling if rises else falling


def _resampled(score: Score, blocks: Iterable[Samples], sample_rate: int) -> Iterator[Samples]:
    resamplers = [Resampler(score.sample_rate, sample_rate) for _ in range(score.channels)]
    for block in _mastered(score, blocks):
        yield np.stack([each.add(row) for each, row in zip(resamplers, block, strict=True)])
    yield np.stack([each.finish() for each in resamplers])


def _limited(limiter: Limiter, blocks: Iterable[Samples]) -> Iterator[Samples]:
    for block in blocks:
        yield limiter.add(block)
    yield limiter.finish()


def _ignore(block: Samples) -> None:
    """Do nothing with a block."""


class _Beside:
    """Does something with each block in a thread of its own, in their order."""

    def __init__(self, action: Callable[[Samples], None]) -> None:
        self._action = action
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __call__(self, block: Samples) -> None:
        self.wait()
        self._last = self._thread.submit(self._action, block)

    def wait(self) -> None:
        """Wait for the block before, and raise what it raised."""
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()


def _in_db(level: float) -> float | None:
    return 20 * math.log10(level) if level > 0 else None
