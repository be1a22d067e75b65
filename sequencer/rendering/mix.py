"""The mix: any stretch of any layer of a score, the same whatever stretches are asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples
from sequencer.rendering.clip_samples import ClipSounds
from sequencer.rendering.fades import fade_curves
from sequencer.rendering.joins import Correlation, Voice, closeness, pan_gains, voices
from sequencer.score.score import Event, Score

_BLOCK = 1 << 16

Mix = npt.NDArray[np.float64]


class Mixer:
    """Mixes stretches of a score's layers.

    Every sample is the sum of what its events give there, in order of their starts, in float64:
    no sample depends on where a stretch begins or ends.

    Parameters
    ----------
    score : Score
    sounds : ClipSounds
        Of the same score.
    """

    def __init__(self, score: Score, sounds: ClipSounds) -> None:
        self._score = score
        self._sounds = sounds
        self._layers = {
            layer.name: _Timeline([e for e in score.events if e.layer == layer.name])
            for layer in score.layers
        }
        self._correlations: dict[tuple[Event, Event], float] = {}

    def voices(self, layer: str, start: int, stop: int) -> list[Voice]:
        """List what sounds in a stretch of a layer."""
        return self._layers[layer].between(start, stop)

    def mixed(self, layer: str, start: int, stop: int) -> Samples:
        """Mix a stretch of a layer, before the layer's gain.

        Returns
        -------
        ndarray, float32 [channels, stop - start]
        """
        score = self._score
        out = np.zeros((score.channels, stop - start))
        for voice in self.voices(layer, start, stop):
            lo, hi = max(start, voice.event.start), min(stop, voice.event.end)
            sound = self.sound(voice, lo, hi)
            for row, gain in zip(out, pan_gains(voice.event.pan, score.channels), strict=True):
                row[lo - start : hi - start] += sound if gain == 1.0 else sound * gain
        return out.astype(np.float32)

    def sound(self, voice: Voice, start: int, stop: int) -> Mix:
        """Return what an event gives from `start` to `stop` of the piece, before its pan [n]."""
        event = voice.event
        at = event.start
        sound = self.unfaded(event, start, stop)
        stop_in = min(stop - at, event.fade_in)
        if start - at < stop_in:
            rho = self.correlation(voice.before, event)
            curves = fade_curves(event.fade_in, self._score.fade_law, rho, start - at, stop_in)
            sound[: len(curves[1])] *= curves[1]
        fade_at = event.end - event.fade_out
        first = max(0, start - fade_at)
        if first < stop - fade_at:
            rho = self.correlation(event, voice.after)
            curves = fade_curves(event.fade_out, self._score.fade_law, rho, first, stop - fade_at)
            sound[len(sound) - len(curves[0]) :] *= curves[0]
        return sound

    def unfaded(self, event: Event, start: int, stop: int) -> Mix:
        """Return what an event gives at its level, without its fades [n]."""
        shift = event.offset - event.start
        samples = self._sounds.read(event.clip, start + shift, stop + shift).astype(np.float64)
        samples *= 10 ** (event.gain_db / 20)
        return samples

    def correlation(self, before: Event | None, after: Event | None) -> float:
        """How the two sounds of a join correlate over it, their places included; 0 for no join."""
        if before is None or after is None or self._score.fade_law != "matched":
            return 0.0
        known = self._correlations.get((before, after))
        if known is not None:
            return known
        found = Correlation()
        for start in range(after.start, before.end, _BLOCK):
            stop = min(start + _BLOCK, before.end)
            found.add(self.unfaded(before, start, stop), self.unfaded(after, start, stop))
        rho = found.rho * closeness(before, after, self._score.channels)
        self._correlations[before, after] = rho
        return rho


class _Timeline:
    """The voices of a layer, found by time."""

    def __init__(self, events: list[Event]) -> None:
        self._voices = voices(events)
        self._starts = [event.start for event in events]
        # Never falling, so that what may still sound is found by bisection too.
        self._ends = list(accumulate((event.end for event in events), max))

    def between(self, start: int, stop: int) -> list[Voice]:
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, stop)
        return [voice for voice in self._voices[first:last] if voice.event.end > start]
