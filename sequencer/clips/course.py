"""What becomes of a sound in time: whether it repeats itself without end, or falls silent.

A network that is trapped makes the same again and again. Either its samples repeat, as a buzz or
a sample-exact loop does, or what repeats is the course of its spectrum, as in a pattern whose noise
is drawn anew each time. Both are seen in the last half of a sound: how much of it stays the same
when it is compared with itself, far apart. Nothing that glides or drifts is like itself there; what
decays is less and less so, and never again as much as it was before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import require_mono

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

LOOP_LIKENESS = 0.9
"""A loop: so much of the last half is the same again, 1 all …"""
LOOP_REPEATS = 3.0
"""… and it comes so often until the end, at least."""
SILENT_DB = -60.0
"""Full scale 0: silence is below this …"""
SILENT_BELOW_DB = 50.0
"""… or so far below the loudest moment."""
FADE_SECONDS = 1.0
"""A sound has fallen silent if so much of its end is silent …"""
FADE_SHARE = 0.5
"""… and so large a share of the whole."""

_FRAME_SECONDS, _HOP_SECONDS = 0.064, 0.016
_BANDS = 24
_LOWEST, _HIGHEST = 60.0, 7600.0
_FLOOR_DB = 60.0
_LEAST_SECONDS = 1.0
_LEAST_SPREAD_DB = 2.0
_LEAST_LAG_SECONDS = 0.1
_SMALLEST_LAG = 2
_DIP = 0.1


@dataclass(frozen=True)
class Course:
    """How a sound goes on.

    Attributes
    ----------
    likeness : float
        How much of its last half is the same again later, 0 to 1.
    period : float
        After how many seconds it is the same; 0 where it is not.
    since : float
        From which second on it repeats.
    silent_from : float
        From which second to its end it is silent; its length where it is not.
    seconds : float
        Its length.
    """

    likeness: float
    period: float
    since: float
    silent_from: float
    seconds: float

    @property
    def loops(self) -> bool:
        """Whether it repeats itself until its end."""
        return (
            self.period > 0
            and self.likeness >= LOOP_LIKENESS
            and self.seconds - self.since >= LOOP_REPEATS * self.period
        )

    @property
    def fades(self) -> bool:
        """Whether it falls silent long before its end."""
        silent = self.seconds - self.silent_from
        return silent >= max(FADE_SECONDS, FADE_SHARE * self.seconds)


def course(samples: Samples, sample_rate: int) -> Course:
    """Measure how a sound goes on.

    Parameters
    ----------
    samples : float32 [n]
        Mono, full scale ±1.
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> once = np.random.default_rng(1).normal(0, 0.1, 4000) * np.linspace(1, 0, 4000) ** 2
    >>> found = course(np.tile(once, 12).astype(np.float32), 8000)
    >>> found.loops, round(found.period, 3), found.since
    (True, 0.5, 0.0)
    """
    require_mono(samples)
    seconds = len(samples) / sample_rate
    bands = band_levels(samples, sample_rate)
    silent_from = _silent_from(samples, sample_rate, seconds)
    sounding = samples[: round(silent_from * sample_rate)]
    nothing = Course(0.0, 0.0, silent_from, silent_from, seconds)
    if silent_from < _LEAST_SECONDS:
        return nothing
    signal = sounding.astype(np.float64)[:, None]
    exact = _repeats(signal - signal.mean(), _SMALLEST_LAG)
    rows = bands[: max(1, len(bands) * len(sounding) // max(1, len(samples)))]
    spread = float(np.sqrt(np.mean((rows - rows.mean(axis=0)) ** 2)))
    found = [(likeness, lag / sample_rate, since / sample_rate) for likeness, lag, since in exact]
    if spread >= _LEAST_SPREAD_DB:
        least = round(_LEAST_LAG_SECONDS / _HOP_SECONDS)
        found += [
            (likeness, lag * _HOP_SECONDS, since * _HOP_SECONDS)
            for likeness, lag, since in _repeats(rows - rows.mean(axis=0), least)
        ]
    if not found:
        return nothing
    likeness, period, since = max(found, key=lambda one: (one[1] > 0, one[0]))
    return Course(max(0.0, likeness), period, since, silent_from, seconds)


def band_levels(
    samples: Samples,
    sample_rate: int,
    hop_seconds: float = _HOP_SECONDS,
    floor_db: float = _FLOOR_DB,
) -> Array:
    """Return the level of each band in each frame of 64 ms, in dB, float64 [frames, 24].

    What is further below the loudest than the floor is cut off there.

    Parameters
    ----------
    samples : float32 [n]
    sample_rate : int
        In Hz.
    hop_seconds : float
        From one frame to the next.
    floor_db : float
        How far below the loudest.
    """
    size = max(16, round(_FRAME_SECONDS * sample_rate))
    hop = max(1, round(hop_seconds * sample_rate))
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    views = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    edges = np.unique(
        np.searchsorted(
            frequencies, np.geomspace(_LOWEST, min(_HIGHEST, sample_rate / 2.2), _BANDS + 1)
        )
    )
    power = np.concatenate(
        [
            np.add.reduceat(
                np.abs(np.fft.rfft(views[at : at + 1024] * window))[:, : edges[-1]] ** 2,
                edges[:-1],
                axis=1,
            )
            for at in range(0, len(views), 1024)
        ]
    )
    level: Array = 10 * np.log10(np.maximum(power, 1e-12))
    np.maximum(level, level.max() - floor_db, out=level)
    return level


def _silent_from(samples: Samples, sample_rate: int, seconds: float) -> float:
    """Return from which second on nothing sounds."""
    size = max(1, round(_FRAME_SECONDS * sample_rate))
    count = len(samples) // size
    if not count:
        return seconds
    frames = samples[: count * size].reshape(count, size).astype(np.float64)
    level = 10 * np.log10(np.maximum(frames.var(axis=1), 1e-12))
    sounding = np.flatnonzero(level > max(SILENT_DB, float(level.max()) - SILENT_BELOW_DB))
    if not len(sounding):
        return 0.0
    last = int(sounding[-1]) + 1
    return seconds if last == count else last * size / sample_rate


def _repeats(rows: Array, least: int) -> list[tuple[float, int, int]]:
    """Return likeness, period and beginning of what repeats in rows [n, channels]; empty for none.

    Likeness is 1 less the power of the difference over that of both together, so that what drifts
    is unlike itself far apart.
    """
    half = rows[len(rows) // 2 :]
    # A third of the whole: what is longer would come less than three times.
    most = 2 * len(half) // 3
    if most <= 2 * least:
        return []
    like = _likeness(half, most)
    far = most // 2
    at = far + int(np.argmax(like[far:]))
    best = float(like[at])
    # What decays is less and less like itself; what repeats was less so before, and is again.
    worse = np.flatnonzero(like[least:at] < best - _DIP)
    if best < LOOP_LIKENESS or not len(worse):
        return [(min(best, LOOP_LIKENESS), 0, len(rows))]
    start = least + int(worse[0])
    period = start + int(np.flatnonzero(like[start:] >= best - 0.02)[0])
    while period + 1 < len(like) and like[period + 1] > like[period]:
        period += 1
    return [(best, period, _since(rows, period))]


def _likeness(rows: Array, most: int) -> Array:
    """Return how like rows are to those a lag later, for lags 0 to `most`."""
    size = 1 << int(np.ceil(np.log2(2 * len(rows))))
    spectra = np.fft.rfft(rows, size, axis=0)
    shared = np.fft.irfft((spectra.real**2 + spectra.imag**2).sum(axis=1), size)[: most + 1]
    power = np.concatenate([[0.0], np.cumsum((rows**2).sum(axis=1))])
    lags = np.arange(most + 1)
    both = power[len(rows) - lags] + power[-1] - power[lags]
    found: Array = 2 * shared / np.maximum(both, 1e-30)
    return found


def _since(rows: Array, period: int) -> int:
    """Return the row from which on rows are those a period later."""
    apart = ((rows[:-period] - rows[period:]) ** 2).sum(axis=1)
    power = (rows[:-period] ** 2 + rows[period:] ** 2).sum(axis=1)
    at = len(apart)
    while at > 0:
        before = max(0, at - period)
        both = float(power[before:at].sum())
        if float(apart[before:at].sum()) > 2 * (1 - LOOP_LIKENESS) * max(both, 1e-30):
            break
        at = before
    return at
