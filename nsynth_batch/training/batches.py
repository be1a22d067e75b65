"""What is learned in each step: crops or streams of a corpus, as a family's loss reads them."""

from __future__ import annotations

from typing import Any

from nsynth_batch.models.draws import generator
from nsynth_batch.models.family import Family
from nsynth_batch.models.weights import Array, ModelConfig
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.streams import Streams


class Batches:
    """The batches of a training; each follows from its step alone.

    Parameters
    ----------
    family : Family
    config : ModelConfig
    options : TrainingOptions
    corpus : Corpus

    Attributes
    ----------
    recordings : str
        What recordings streams stand in; empty of crops.

    Raises
    ------
    ValueError
        If the corpus holds no samples, is of another sample rate, or shorter than a stream's piece.
    """

    def __init__(
        self, family: Family[Any], config: ModelConfig, options: TrainingOptions, corpus: Corpus
    ) -> None:
        if not corpus.seconds:
            raise ValueError("nothing to train on: the corpus holds no samples")
        if corpus.sample_rate != config.sample_rate:
            raise ValueError(
                f"the corpus is at {corpus.sample_rate} Hz, the model at {config.sample_rate} Hz"
            )
        self._family, self._config, self._options = family, config, options
        self._corpus = corpus
        self._streams: Streams | None = None
        if family.order == "streams":
            self._streams = Streams(
                corpus,
                options.batch,
                length=options.crop_samples,
                overlap=config.hop,
                seed=options.seed,
                seeded_windows=options.recipe.seeded_windows,
            )
        self.recordings = self._streams.digest if self._streams else ""

    def seconds(self, steps: int) -> float:
        """Return how much audio so many steps learn from, in seconds.

        What a crop begins with to have a past is no part of it; an epoch is as much as the corpus
        holds.

        Examples
        --------
        >>> import numpy as np
        >>> from nsynth_batch.models.family import family_named
        >>> corpus = Corpus([("a", [np.zeros(32_000, np.int16)])])
        >>> wavenet = family_named("wavenet")
        >>> config = wavenet.presets["tiny"]
        >>> options = TrainingOptions(batch=2, crop_samples=config.receptive_field + 8000)
        >>> Batches(wavenet, config, options, corpus).seconds(3)
        3.0
        """
        if self._streams is not None:
            return self._corpus.seconds * steps / self._streams.steps
        options = self._options
        learned = options.crop_samples - self._family.given_samples(self._config)
        return steps * options.batch * learned / self._config.sample_rate

    def at(self, step: int) -> dict[str, Array]:
        """Return the batch of a step, counted from 0, a row a crop or stream in each array.

        Of streams it has beside what `family.batch` returns ``samples`` and ``begins``; see
        `Sequences`.
        """
        options = self._options
        more: dict[str, Array] = {}
        if self._streams is not None:
            found = self._streams.at(step)
            crops = found.crops
            more = {"samples": found.samples, "begins": found.begins}
        else:
            crops = self._corpus.crops(
                step, options.batch, options.crop_samples, options.seed, options.augmentation
            )
        noise = generator(options.seed, f"corruption {step}")
        return {**self._family.batch(self._config, crops, options.recipe, noise), **more}
