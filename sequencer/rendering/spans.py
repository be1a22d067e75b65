"""The mix in spans of fixed length, each kept in the spool under the digest of what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from sequencer.audio.samples import Samples
from sequencer.rendering.clip_samples import ClipSounds
from sequencer.rendering.joins import Voice
from sequencer.rendering.mix import Mix, Mixer
from sequencer.rendering.spool import Spool
from sequencer.score.score import Event, Layer, Score

SPAN_SECONDS = 30.0
# Part of every digest: raise it when the same score is to sound otherwise.
_VERSION = 1


class SpannedMix:
    """A score's mix and its layers, made once and read as often as wanted.

    Parameters
    ----------
    score : Score
    sounds : ClipSounds
        Of the same score.
    spool : Spool
    by_layer : bool
        Whether the spans are kept layer by layer, for stems.
    span : int, optional
        Length of a span in samples.

    Attributes
    ----------
    made : int
        Spans that had to be mixed, those of each layer counted, because the spool had none.
    """

    def __init__(
        self,
        score: Score,
        sounds: ClipSounds,
        spool: Spool,
        *,
        by_layer: bool = False,
        span: int | None = None,
    ) -> None:
        self._score = score
        self._digests = sounds.digests
        self._spool = spool
        self._span = span or round(SPAN_SECONDS * score.sample_rate)
        self._by_layer = by_layer
        self.mixer = Mixer(score, sounds)
        self.made = 0

    def blocks(self) -> Iterator[Samples]:
        """Return the mix, layers at their gains: float32 [channels, n], score.samples in all."""
        for start in range(0, self._score.samples, self._span):
            stop = min(start + self._span, self._score.samples)
            if self._by_layer:
                yield self._sum(start, stop)
            else:
                yield self._kept(self._score.layers, start, stop)

    def layer_blocks(self, layer: Layer) -> Iterator[Samples]:
        """Return one layer at its gain: float32 [channels, n], score.samples in all."""
        for start in range(0, self._score.samples, self._span):
            stop = min(start + self._span, self._score.samples)
            yield self._levelled(layer, start, stop).astype(np.float32)

    def _sum(self, start: int, stop: int) -> Samples:
        total: Mix | None = None
        for layer in self._score.layers:
            if self.mixer.voices(layer.name, start, stop):
                sound = self._levelled(layer, start, stop)
                total = sound if total is None else total + sound
        if total is None:
            return np.zeros((self._score.channels, stop - start), np.float32)
        return total.astype(np.float32)

    def _levelled(self, layer: Layer, start: int, stop: int) -> Mix:
        if self._by_layer:
            samples = self._kept((layer,), start, stop)
        else:
            samples = self.mixer.mixed(layer.name, start, stop)
        return samples.astype(np.float64) * 10 ** (layer.gain_db / 20)

    def _kept(self, layers: tuple[Layer, ...], start: int, stop: int) -> Samples:
        """Return a span from the spool, where it is put first if it is not there.

        A single layer is kept before its gain, the sum of all layers after theirs.
        """
        channels = self._score.channels
        name = self._name(layers, start, stop)

        def make() -> Iterator[Samples]:
            self.made += 1
            if self._by_layer:
                yield self.mixer.mixed(layers[0].name, start, stop)
            else:
                yield self._sum(start, stop)

        count = channels * (stop - start)
        self._spool.keep(name, count, make)
        return self._spool.read(name, 0, count).reshape(channels, stop - start)

    def _name(self, layers: tuple[Layer, ...], start: int, stop: int) -> str:
        score = self._score
        sounding = [
            (
                [] if self._by_layer else [layer.gain_db],
                [
                    self._voice_key(voice, start)
                    for voice in self.mixer.voices(layer.name, start, stop)
                ],
            )
            for layer in layers
        ]
        content = (
            *(_VERSION, score.sample_rate, score.channels, score.fade_law, stop - start),
            [each for each in sounding if each[1]],
        )
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return f"{start // self._span:06}-{digest[:32]}"

    def _voice_key(self, voice: Voice, start: int) -> list[object]:
        """Whatever decides how a voice sounds; of its neighbours it is the same, for the joins."""

        def key(event: Event | None) -> object:
            if event is None:
                return None
            played = (event.offset, event.length, event.gain_db, event.fade_in, event.fade_out)
            return (event.start - start, self._digests[event.clip], *played, event.pan)

        return [key(event) for event in (voice.before, voice.event, voice.after)]
