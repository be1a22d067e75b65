"""What a WaveNet learns by: the negative log-likelihood of each sample's code."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nsynth_batch.models import quantiser
from nsynth_batch.models.family import Loss, Tensors
from nsynth_batch.models.wavenet import graph
from nsynth_batch.models.wavenet.config import Config


def nll(config: Config, tensors: Tensors, codes: Any) -> Loss:
    """Return the teacher-forced negative log-likelihood of mu-law codes, under their own encodings.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
        The weights.
    codes : float32 [B, T]
        Mu-law codes, T a multiple of the hop.

    Returns
    -------
    Loss
        In nats, summed over B · T samples.
    """
    logits = graph.decoder(config, tensors, codes, graph.encoder(config, tensors, codes))
    labels = tf.cast(codes, tf.int32) - quantiser.LOWEST
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return Loss(tf.reduce_sum(each), codes.shape[0] * codes.shape[1])
