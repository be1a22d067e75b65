"""What no gradient teaches, fitted to the sounds that a model learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.family import FittedFamily, family_named
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.recipe import Recipe
from nsynth_batch.models.weights import Weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.stretches import Audio, stretches

_SECONDS, _MOST = 1800.0, 600
"""Of sound that is fitted to, sixty thousand frames of 512 samples; and how many recordings that is
of at most, so that each has more than a moment. Of a wide corpus a third of both costs a tenth of
the partials of sounds that are not in it."""


def fitting_sounds(family: str, recipe: Recipe, corpus: Corpus, hop: int) -> list[Audio]:
    """Return what a model is fitted to: all of a corpus, or the loudest stretches of recordings.

    Parameters
    ----------
    family : str
        The family's name.
    recipe : Recipe
    corpus : Corpus
        What it learned from.
    hop : int
        In samples.

    Returns
    -------
    list of float32 [n]
        Of whole hops; empty where the recipe has nothing fitted, or the family knows of nothing.
    """
    if not (recipe.fitted and isinstance(family_named(family), FittedFamily)):
        return []
    count = min(_MOST, len(corpus))
    whole = corpus.seconds <= _SECONDS and len(corpus) <= _MOST
    seconds = math.inf if whole else _SECONDS / count
    return [audio for _, audio in stretches(corpus, hop, count=count, seconds=seconds, short=True)]


def with_fitted(weights: Weights[Any], sounds: Sequence[Audio]) -> Weights[Any]:
    """Return a model with what is fitted to sounds; without sounds it is as it was learned.

    Parameters
    ----------
    weights : Weights
        As they were learned.
    sounds : sequence of float32 [n]
        Of whole hops, at the model's sample rate: what `fitting_sounds` returned.
    """
    family = family_named(weights.family)
    if not sounds or not isinstance(family, FittedFamily):
        return weights
    model = cast(Autoencoder, family.model(weights, make_engine(weights, "auto")))
    return family.fitted(weights, [model.encode(sound[None])[0] for sound in sounds], sounds)
