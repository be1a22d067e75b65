"""Fade curves: how one sound gives way to another without a bump, a dip or a click."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sequencer.score.score import FadeLaw

Gains = npt.NDArray[np.float64]

# Two sounds that cancel have no law: below this the mix is lifted by 3 dB and no more.
_LEAST_CORRELATION = -0.5


def fade_curves(
    length: int, law: FadeLaw, correlation: float = 0.0, first: int = 0, stop: int | None = None
) -> tuple[Gains, Gains]:
    """Gains of the two sounds of a join.

    With *a* falling and *b* rising, the power of the mix is a² + b² + 2·rho·ab times that of
    either sound when both are equally loud and correlate by rho. ``linear`` has a + b = 1, right
    for rho = 1; ``equal-power`` has a² + b² = 1, right for rho = 0; ``matched`` divides the latter
    by √(a² + b² + 2·rho·ab), right for every rho.

    Parameters
    ----------
    length : int
        Samples in the join.
    law : str
        ``linear``, ``equal-power`` or ``matched``.
    correlation : float
        rho, measured over the join; used by ``matched`` only.
    first, stop : int
        Which samples of the join are wanted, all by default.

    Returns
    -------
    falling, rising : ndarray, float64 [stop - first]
        Not to be written to. Over the whole join each is the other reversed, never at exactly 0
        or 1.
    """
    return _curves(length, law, correlation, first, length if stop is None else stop)


# Both sides of a join ask for the same.
@lru_cache(maxsize=2)
def _curves(
    length: int, law: FadeLaw, correlation: float, first: int, stop: int
) -> tuple[Gains, Gains]:
    rising = _shape(np.arange(first, stop), length, law)
    # The same numbers whether the whole join or a part of it is asked for.
    whole = (first, stop) == (0, length)
    falling = rising[::-1] if whole else _shape(length - 1 - np.arange(first, stop), length, law)
    if law == "matched":
        rho = min(1.0, max(_LEAST_CORRELATION, correlation))
        total = np.sqrt(1.0 + 2.0 * rho * (falling * rising))
        falling, rising = falling / total, rising / total
    for curve in (falling, rising):
        curve.flags.writeable = False
    return falling, rising


def _shape(places: npt.NDArray[np.int64], length: int, law: FadeLaw) -> Gains:
    time: Gains = (places + 0.5) / max(1, length)
    return time if law == "linear" else np.sin(time * (np.pi / 2))
