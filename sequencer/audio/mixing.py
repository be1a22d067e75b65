"""From channels to one: their mean, or one of them where the mean would lose the sound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples

BROUGHT_DOWN_TO = 0.98855
"""What the largest sample becomes where a recording goes beyond full scale: -0.1 dBFS."""
_CUT_SHARE = 0.001

# Channels of unrelated sound lose a factor of their number in the mean; these lose 25 times more.
_CANCELLED = 0.04
# So much of a recording's energy has to be in stretches that cancel for another mix to be taken.
_SHARE = 0.1

Block = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Mix:
    """How a recording becomes one channel.

    Attributes
    ----------
    gain : float
        What samples are multiplied by before they are resampled.
    channels : tuple of (int or None)
        For each of the streams that the recording consists of: the channel that is taken, None
        for the mean of all. Empty for the mean in all of them.
    """

    gain: float = 1.0
    channels: tuple[int | None, ...] = ()

    def apply(self, block: Block, stream: int) -> Samples:
        """Return a block [n, channels] as float32 [n]."""
        channel = self.channels[stream] if stream < len(self.channels) else None
        mono = (
            mean_of_channels(block)
            if channel is None
            else np.ascontiguousarray(block[:, min(channel, block.shape[1] - 1)])
        )
        if self.gain != 1.0:
            mono = (mono * np.float64(self.gain)).astype(np.float32)
        return mono


@dataclass
class _Levels:
    """Sums over one stream of what its channels hold and what their mean keeps."""

    cancelled: npt.NDArray[np.float64]
    energy: float = 0.0


@dataclass
class Meter:
    """Measures a recording while it is mixed, so that a second pass may mix it better.

    Attributes
    ----------
    mixed_peak : float
        The largest magnitude of the mix so far, before it is resampled; full scale 1.
    peak : float
        The same of the output.
    outputs, outside : int
        Samples of the output, and those beyond full scale.
    is_flat : bool
        Whether every channel has held one value throughout.
    """

    mixed_peak: float = 0.0
    peak: float = 0.0
    outputs: int = 0
    outside: int = 0
    is_flat: bool = True
    _first: Block | None = None
    _levels: dict[int, _Levels] = field(default_factory=dict)

    def add_input(self, block: Block, mono: Samples, stream: int) -> None:
        """Take a block [n, channels] and its mean [n]."""
        self.mixed_peak = max(self.mixed_peak, _magnitude(mono))
        if self.is_flat:
            self._look_for_change(block)
        if block.shape[1] > 1:
            self._compare(block, mono, stream)

    def _compare(self, block: Block, mono: Samples, stream: int) -> None:
        """Add up the energy of all channels, and where their mean keeps too little of it."""
        flat = block.ravel()
        energy = float(np.vdot(flat, flat))
        levels = self._levels.setdefault(stream, _Levels(np.zeros(block.shape[1])))
        levels.energy += energy
        if float(np.vdot(mono, mono)) * block.shape[1] ** 2 < _CANCELLED * energy:
            # Which channel is the loudest matters only where they cancel.
            levels.cancelled += [float(np.vdot(one, one)) for one in block.T]

    def add_output(self, samples: Samples) -> None:
        """Take samples [n] of the output."""
        self.outputs += len(samples)
        magnitude = _magnitude(samples)
        if magnitude > 1.0:
            self.outside += int(np.count_nonzero(np.abs(samples) > 1.0))
        self.peak = max(self.peak, magnitude)

    def channels(self, streams: int) -> tuple[int | None, ...]:
        """Return the channel that each stream is better taken from; None for the mean."""
        return tuple(self._better(self._levels.get(stream)) for stream in range(streams))

    @staticmethod
    def _better(levels: _Levels | None) -> int | None:
        if levels is None or levels.cancelled.sum() <= _SHARE * levels.energy:
            return None
        return int(levels.cancelled.argmax())

    def _look_for_change(self, block: Block) -> None:
        if self._first is None:
            self._first = block[0].copy()
        same_channels = block.shape[1] == len(self._first)
        self.is_flat = same_channels and bool((block == self._first).all())

    @property
    def value(self) -> float:
        """The first value of the first channel; 0 where none came."""
        return 0.0 if self._first is None else float(self._first[0])


def lifted_by_the_resampler(meter: Meter) -> bool:
    """Whether no more than a sample here and there is beyond full scale, and only resampled ones.

    Cutting those is not audible; bringing the whole down for them would change what earlier
    releases made of such a recording.
    """
    return meter.mixed_peak <= 1.0 and meter.outside <= _CUT_SHARE * meter.outputs


def _magnitude(samples: Samples) -> float:
    return max(float(samples.max()), -float(samples.min())) if len(samples) else 0.0


def mean_of_channels(block: Block) -> Samples:
    """Return the mean over the channels of a block [n, channels], float32 [n]."""
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    # Summed channel by channel: the order, and so the last bit, is the same for every block.
    total = block[:, 0].astype(np.float64)
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    mean: Samples = (total / block.shape[1]).astype(np.float32)
    return mean
