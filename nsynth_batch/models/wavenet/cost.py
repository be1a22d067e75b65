"""What a WaveNet costs: multiply-adds a sample, and bytes of memory.

What the native engine takes to decode is counted beside it: `decode_bytes` in
native/wavenet/decode.cpp.
"""

from __future__ import annotations

from nsynth_batch.models.wavenet.config import QUANTA, Config, convolutions


def products(config: Config, *, encoder: bool) -> int:
    """Return the multiply-adds of one sample of one clip, conditioning left out.

    Conditioning is computed once a frame, not once a sample.

    Parameters
    ----------
    config : Config
    encoder : bool
        Of the encoder, and not of the decoder.
    """
    return sum(
        taps * inputs * outputs
        for name, taps, inputs, outputs in convolutions(config)
        if name.startswith("ae_") == encoder and not name.startswith("cond_map")
    )


def lockstep_memory(
    config: Config, clips: int, samples: int, *, item_bytes: int = 4, frames: int = 1
) -> int:
    """Count the bytes of a decode that advances all its clips together, weights left out.

    Parameters
    ----------
    config : Config
    clips : int
        At once.
    samples : int
        Of the longest.
    item_bytes : int
        Of a number in the histories.
    frames : int
        Whose conditioning is computed at once.

    Returns
    -------
    int
        Histories, conditioning, what a step has in hand, draws and codes.
    """
    history = sum(back + 1 for back in config.lookback) * config.width * item_bytes
    held = 4 * frames * (2 * config.width * config.num_layers + config.skip_width)
    in_hand = 4 * (8 * config.width + 3 * config.skip_width + 4 * QUANTA)
    # A chunk's draws and codes in 32 bits, and all codes in 16, twice while they are joined.
    made = 8 * frames * config.ae_hop_length + 4 * samples
    return clips * (history + held + in_hand + made)
