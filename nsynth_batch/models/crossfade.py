"""Mash-ups: two encodings, and how one fades into the other, the share of B at each frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import Draws
from nsynth_batch.settings.choices import Curve, Length

Mix = npt.NDArray[np.float32]

_SHORTEST_FRAMES = 8
_LONGEST_DWELL_FRAMES = 48
_LONGEST_FADE_FRAMES = 32


def fade(curve: Curve, frames: int, seed: int, pair: int) -> Mix:
    """Return the share of B at each frame of a mash-up.

    Parameters
    ----------
    curve : {"random", "cosine", "linear"}
        ``cosine`` is magenta's ½(1 - cos(πn/L)), ``linear`` a straight line from A to B,
        ``random`` fades one out and the other in at random intervals: see `random_fade`.
    frames : int
        Length of the mash-up.
    seed, pair : int
        Key the draws of ``random``.

    Returns
    -------
    float32 [frames], in [0, 1]
    """
    if curve == "random":
        return random_fade(frames, Draws(seed, f"curve {pair}"))
    steps = np.arange(frames, dtype=np.float64)
    if curve == "cosine":
        return _raised_cosine(steps / frames)
    return (steps / max(frames - 1, 1)).astype(np.float32)


def frames_of(a: int, b: int, length: Length) -> int:
    """Return the frames of a mash-up of two encodings of so many, by the shorter or the longer."""
    return max(a, b) if length == "longer" else min(a, b)


def repeated(encoding: npt.NDArray[np.float32], frames: int) -> npt.NDArray[np.float32]:
    """Return an encoding cut to so many frames, or repeated from its beginning until there are.

    Its last frame is not held: of sounds that end by themselves that is silence.

    Parameters
    ----------
    encoding : float32 [n, width]
        Of a frame at least.
    frames : int

    Returns
    -------
    float32 [frames, width]

    Examples
    --------
    >>> repeated(np.float32([[1], [2], [3]]), 5).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    return encoding[np.arange(frames) % len(encoding)]


def cross_fade(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], mix: Mix
) -> npt.NDArray[np.float32]:
    """Return the mash-up of two encodings, as long as the mix: one that is shorter repeats.

    Parameters
    ----------
    a, b : float32 [n, width], float32 [m, width]
    mix : float32 [frames]
        The share of B, in [0, 1].

    Returns
    -------
    float32 [frames, width]
    """
    a, b = (repeated(encoding, len(mix)) for encoding in (a, b))
    mixed = (1 - mix[:, None]) * a + mix[:, None] * b
    return np.asarray(mixed, np.float32)


def random_fade(frames: int, draws: Draws) -> Mix:
    """Dwell on one recording for a drawn time, fade over to the other, dwell there, and so on.

    Dwell times are uniform between 8 and 48 frames (0.26 s and 1.5 s at the published hop),
    fades raised cosines of 8 to 32 frames (1 s). Both are at most a third of the mash-up, so
    that every mash-up of three frames and more holds one whole fade. Which recording begins is
    drawn too.

    Parameters
    ----------
    frames : int
        Length of the mash-up.
    draws : Draws
        Where chance comes from.

    Returns
    -------
    float32 [frames], in [0, 1]
    """
    third = max(frames // 3, 1)
    longest = np.minimum([_LONGEST_DWELL_FRAMES, _LONGEST_FADE_FRAMES], third)
    shortest = np.minimum(_SHORTEST_FRAMES, longest)
    curve = np.empty(frames, dtype=np.float32)
    begin, *_ = draws.uniform(0, 1)
    level = int(begin < 0.5)
    position, used = 0, 1
    while position < frames:
        drawn = draws.uniform(used, 2).astype(np.float64)
        used += 2
        dwell, fade = (shortest + drawn * (longest - shortest + 1)).astype(int)
        # The fade takes its values between the levels: its ends belong to the dwells.
        rise = _raised_cosine(np.arange(1, fade + 1) / (fade + 1))
        passage = np.concatenate([np.zeros(dwell, np.float32), rise])
        passage = 1 - passage if level else passage
        part = passage[: frames - position]
        curve[position : position + len(part)] = part
        position += len(part)
        level = 1 - level
    return curve


def _raised_cosine(phase: npt.NDArray[np.float64]) -> Mix:
    return (0.5 * (1 - np.cos(np.pi * phase))).astype(np.float32)
