"""What a training sounds like on its way: clips in free running, pictures, measures, the best."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.family import family_named
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.weights import Weights, to_safetensors
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fidelity import Measures, measures, reconstructed
from sequencer.audio.samples import from_int16
from sequencer.optional import installed
from sequencer.pictures.comparison import comparison

BEST = "best.safetensors"
FOLDER = "listening"

Audio = npt.NDArray[np.float32]
Sound = tuple[str, Audio]


class Listener:
    """Decodes the same few sounds with each model that it is given, and measures what comes out.

    Writes ``listening/step-N/NAME.wav`` (the source, half a second of silence, the output), a
    picture of the two beside it where matplotlib is installed, and ``best.safetensors``, the model
    with the highest mean of pitch kept and partials.

    Parameters
    ----------
    url : str
        The training's folder, on any storage.
    sounds : sequence of (name, float32 [n])
        Of whole hops, at the models' sample rate; `stretches` picks them.
    best : float
        The score of the best model so far; NaN for none.
    """

    def __init__(self, url: str, sounds: Sequence[Sound], *, best: float = math.nan) -> None:
        self._storage = open_storage(url)
        self._sounds = sounds
        self.best = best

    def listen(self, step: int, weights: Weights[Any]) -> Measures:
        """Decode the sounds from their encodings, temperature 1; write and measure them."""
        model: Any = family_named(weights.family).model(weights, make_engine(weights, "auto"))
        outputs = reconstructed(model, self._sounds)
        sources = [source for _, source in self._sounds]
        found = measures(sources, outputs, model.sample_rate)
        for number, (sound, output) in enumerate(zip(self._sounds, outputs, strict=True), 1):
            self._write(step, number, sound, output, model.sample_rate)
        if not score(found) <= self.best:
            self._storage.replace(BEST, to_safetensors(weights))
            self.best = score(found)
        return found

    def _write(self, step: int, number: int, sound: Sound, output: Audio, rate: int) -> None:
        title, source = sound
        name = re.sub(r"[^\w.-]+", "_", title)[-60:]
        path = f"{FOLDER}/step-{step:06d}/{number}-{name}"
        pause = np.zeros(rate // 2, np.float32)
        write_wav(self._storage, f"{path}.wav", np.concatenate([source, pause, output]), rate)
        rows = [(f"{title}: source", source), (f"decoded after {step} steps", output)]
        if installed("matplotlib"):
            self._storage.replace(f"{path}.png", comparison(rows, rate))


def write_wav(storage: Storage, path: str, audio: Audio, sample_rate: int) -> None:
    """Write audio float32 [n] to a storage as a wav file."""
    wav = io.BytesIO()
    soundfile.write(wav, audio, sample_rate, format="WAV")
    storage.replace(path, wav.getvalue())


def score(found: Measures) -> float:
    """Return what the best model is chosen by: the mean of pitch kept and partials.

    A measure that the sounds have no frames for counts 0.
    """
    return sum(0.0 if math.isnan(v) else v for v in (found.pitch_kept, found.partials)) / 2


def stretches(
    corpus: Corpus, hop: int, *, count: int = 6, seconds: float = 2.0, short: bool = False
) -> list[Sound]:
    """Pick sounds to listen to: the loudest stretch of recordings spread over a corpus.

    Parameters
    ----------
    corpus : Corpus
    hop : int
        Stretches are of whole hops.
    count : int
        At most so many recordings, spread evenly over those that are at least half as long as a
        stretch, or over all where none is.
    seconds : float
        Longest stretch; infinity for whole recordings.
    short : bool
        Take recordings that are shorter than half a stretch as well.

    Returns
    -------
    list of (name, float32 [n])
    """
    longest = seconds if math.isfinite(seconds) else corpus.seconds
    wanted = max(hop, int(longest * corpus.sample_rate) // hop * hop)
    usable = [(name, samples) for name, samples in corpus.recordings() if len(samples) >= hop]
    long = [(name, samples) for name, samples in usable if short or len(samples) >= wanted // 2]
    long = long or usable
    places = sorted({round(k) for k in np.linspace(0, len(long) - 1, count)}) if long else []
    return [(long[k][0], _loudest(from_int16(long[k][1]), wanted, hop)) for k in places]


def _loudest(audio: Audio, length: int, hop: int) -> Audio:
    audio = audio[: len(audio) // hop * hop]
    frames = min(length, len(audio)) // hop
    power = np.square(audio, dtype=np.float64).reshape(-1, hop).sum(axis=1)
    sums = np.convolve(power, np.ones(frames), "valid")
    start = int(sums.argmax()) * hop
    return audio[start : start + frames * hop]
