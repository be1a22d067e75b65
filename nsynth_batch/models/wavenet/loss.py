"""What a WaveNet learns by: the negative log-likelihood of each sample's code."""

from __future__ import annotations

import tensorflow as tf

from nsynth_batch.models import quantiser
from nsynth_batch.models.family import Batch, Loss, Tensor, Tensors
from nsynth_batch.models.recipe import Phase
from nsynth_batch.models.wavenet import graph
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.plain_config import PlainConfig


def nll(config: Config, tensors: Tensors, batch: Batch, phase: Phase) -> Loss:
    """Return the teacher-forced negative log-likelihood of mu-law codes, under their own encodings.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
        The weights.
    batch : mapping of str to tensors
        ``codes``, float32 [B, T], T a multiple of the hop; ``inputs``, of the same shape, where
        the decoder reads others than the codes; ``spectra`` for the auxiliary loss.
    phase : str
        The likelihood is left out while the encoder learns alone; encodings are taken as they are
        while the decoder does.

    Returns
    -------
    Loss
        In nats, summed over B · T samples.
    """
    codes = batch["codes"]
    encodings = graph.encoder(config, tensors, codes)
    if phase == "decoder":
        encodings = tf.stop_gradient(encodings)
    extra = head_error(tensors, encodings, batch["spectra"]) if "spectra" in batch else None
    count = codes.shape[0] * codes.shape[1]
    if phase == "encoder":
        return Loss(tf.zeros([]), count, auxiliary=extra)
    logits = graph.decoder(config, tensors, batch.get("inputs", codes), encodings)
    labels = tf.cast(codes, tf.int32) - quantiser.LOWEST
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return Loss(tf.reduce_sum(each), count, auxiliary=extra)


def plain_nll(config: PlainConfig, tensors: Tensors, batch: Batch) -> Loss:
    """Return the negative log-likelihood of codes from their past alone.

    The first samples of a crop are past and no targets: only where the receptive field is full
    does the network see what it sees when it generates.

    Parameters
    ----------
    config : PlainConfig
    tensors : mapping of str to tensors
        The weights.
    batch : mapping of str to tensors
        ``codes``, float32 [B, T], T above the receptive field R; ``inputs``, of the same shape,
        where the network reads others than the codes.

    Returns
    -------
    Loss
        In nats, summed over B · (T - R) samples.
    """
    codes, past = batch["codes"], config.receptive_field
    logits = graph.decoder(config, tensors, batch.get("inputs", codes), first=past)
    labels = tf.cast(codes[:, past:], tf.int32) - quantiser.LOWEST
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return Loss(tf.reduce_sum(each), codes.shape[0] * (codes.shape[1] - past))


def head_error(tensors: Tensors, encodings: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error of the auxiliary head.

    Parameters
    ----------
    tensors : mapping of str to tensors
        The head's are among them.
    encodings : float32 [B, F, bottleneck]
    targets : float32 [B, F, bands]
        What `auxiliary.spectra` returned.
    """
    hidden = tf.matmul(encodings, tensors["auxiliary/hidden/W"])
    hidden = tf.nn.relu(hidden + tensors["auxiliary/hidden/biases"])
    found = tf.matmul(hidden, tensors["auxiliary/bands/W"]) + tensors["auxiliary/bands/biases"]
    return tf.reduce_mean(tf.square(found - targets))
