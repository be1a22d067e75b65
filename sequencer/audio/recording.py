"""Opening recordings of any format: mono, at the rate asked for, in bounded memory.

A recording comes from a path or any seekable binary stream. Its headers are compared with the file
before anything is decoded (`containers`). It is decoded by libsndfile, or by ffmpeg where only
that reads it, in blocks, mixed to mono and resampled by one soxr stream, so memory is bounded by a
block whatever the length, and the samples do not depend on the block size.

Nothing is taken on trust: what the stream raises is raised again as itself (libsndfile would
swallow it and call it the end of the file), the declared length is compared with what came, and
samples must be finite.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from sequencer.audio.containers.survey import Survey, survey
from sequencer.audio.decoding import SoundFileDecoder, UnreadableCodec
from sequencer.audio.ffmpeg import FfmpegDecoder
from sequencer.audio.mixing import BROUGHT_DOWN_TO, Block, Meter, Mix, lifted_by_the_resampler
from sequencer.audio.samples import Resampler, Samples
from sequencer.errors import AudioError

DEFAULT_SAMPLE_RATE = 16_000
"""At which recordings are read where no rate is named: that of NSynth."""
MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000
# Samples of 32 bits that were written as floats reach 2 ** 31.
_MOST_PEAK = 2.0**32

Decoder = SoundFileDecoder | FfmpegDecoder


class AudioReader:
    """An open recording, made by `open_recording`; use it in a ``with`` statement.

    Attributes
    ----------
    sample_rate : int
        In Hz, between `MIN_SAMPLE_RATE` and `MAX_SAMPLE_RATE`; of streams joined end to end that
        of the first.
    channels : int
        1 or more.
    frames : int or None
        Frames that the headers declare; None where one declares none, or rates differ.
    seconds : float or None
        The declared length; None where a header declares none.
    format : str
        libsndfile's name of the format, such as ``WAV/PCM_16``.
    notes : list of str
        What was not as it should be and is read all the same. Decoding may add to them.
    remix : Mix or None
        After a pass over all blocks, how to mix in another one: the output went beyond full scale,
        or the channels cancel. None where the pass was good.

    Examples
    --------
    >>> import io, numpy, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, numpy.zeros((800, 2)) + 0.25, 8000, format="WAV")
    >>> with open_recording(file) as reader:
    ...     print(reader.sample_rate, reader.channels, reader.seconds)
    ...     print(sum(len(block) for block in reader.mono_blocks(16_000)))
    8000 2 0.1
    1600
    """

    def __init__(self, stream: BinaryIO, *, owned: bool) -> None:
        self._owned = stream if owned else None
        self._stream = stream
        self._survey: Survey = survey(stream)
        self.notes = list(self._survey.notes)
        self.remix: Mix | None = None
        self._settled: Mix | None = None
        self._why = ""
        self._opened: Decoder | None = self._decoder(0)
        first = self._opened
        self.sample_rate, self.channels = first.sample_rate, first.channels
        self.format = first.format
        try:
            self._require_rate(self.sample_rate)
            self.frames, self.seconds = self._declared(first)
        except BaseException:
            self.close()
            raise

    def mono_blocks(
        self,
        sample_rate: int = DEFAULT_SAMPLE_RATE,
        block_seconds: float = 4.0,
        *,
        refuse_silent: bool = False,
        mix: Mix | None = None,
    ) -> Iterator[Samples]:
        """Decode from start to end; see the function `mono_blocks`.

        Parameters
        ----------
        sample_rate, block_seconds, refuse_silent
            As there.
        mix : Mix, optional
            How channels become one. Without it, channels are compared first where there are
            more than one, which decodes the recording once more. With it there is one pass, and
            `remix` then says whether another mix is better.
        """
        if mix is None:
            mix = self._settled = self._settled or self._measured()
        elif mix is self.remix:
            self.notes.append(self._why)
        size = max(1, round(block_seconds * sample_rate))
        pending = np.zeros(0, np.float32)
        for output in self._outputs(sample_rate, mix, refuse_silent):
            pending = np.concatenate([pending, output])
            while len(pending) >= size:
                yield pending[:size]
                pending = pending[size:]
        if len(pending):
            yield pending

    def close(self) -> None:
        """Close the decoder, and the file if it was opened here."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _streams(self) -> int:
        return max(1, len(self._survey.parts))

    def _decoder(self, number: int) -> Decoder:
        found = self._survey
        size = self._stream.seek(0, 2)
        if found.foreign is not None:
            return FfmpegDecoder(self._stream, size, found.foreign, found.start)
        try:
            return SoundFileDecoder(self._stream, found.parts[number])
        except UnreadableCodec:
            if found.fallback is None or len(found.parts) > 1:
                raise
            return FfmpegDecoder(self._stream, size, found.fallback, found.start)

    def _declared(self, first: Decoder) -> tuple[int | None, float | None]:
        """Return frames and seconds of all streams together, as declared."""
        if isinstance(first, FfmpegDecoder):
            return None, first.seconds
        frames, seconds, one_rate = first.frames, _seconds(first), True
        for number in range(1, self._streams):
            with contextlib.closing(self._decoder(number)) as other:
                more = _seconds(other)
                one_rate = one_rate and other.sample_rate == first.sample_rate
                seconds = None if seconds is None or more is None else seconds + more
                frames = None if frames is None or other.frames is None else frames + other.frames
        return (frames if one_rate else None), seconds

    def _require_rate(self, rate: int) -> None:
        if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            raise AudioError(
                "sample-rate",
                f"a rate of {rate:,} Hz is outside {MIN_SAMPLE_RATE:,} to {MAX_SAMPLE_RATE:,} Hz",
            )

    def _blocks(self) -> Iterator[tuple[int, int, Block]]:
        """Yield (stream, its rate, samples [n, channels]), finite ones."""
        got = 0
        for number in range(self._streams):
            decoder, self._opened = self._opened or self._decoder(number), None
            with contextlib.closing(decoder):
                self._require_rate(decoder.sample_rate)
                for block in decoder.blocks():
                    if not np.isfinite(block).all():
                        at = got + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
                        raise AudioError(
                            "non-finite",
                            f"the sample at frame {at:,} ({at / decoder.sample_rate:.3f} s) is not "
                            "a finite float32 number",
                        )
                    got += len(block)
                    yield number, decoder.sample_rate, block

    def _outputs(self, sample_rate: int, mix: Mix, refuse_silent: bool) -> Iterator[Samples]:
        """Yield what comes out of mixing and resampling; find out whether it is good."""
        meter = Meter()
        self.remix = None
        frames, rate = 0, self.sample_rate
        resampler = Resampler(rate, sample_rate)
        for stream, stream_rate, block in self._blocks():
            if stream_rate != rate:
                yield _metered(resampler.finish(), meter)
                rate, resampler = stream_rate, Resampler(stream_rate, sample_rate)
            mono = mix.apply(block, stream)
            meter.add_input(block, mono, stream)
            frames += len(block)
            yield _metered(resampler.add(mono), meter)
        if refuse_silent and meter.is_flat:
            raise AudioError(
                "silent",
                f"all {frames:,} frames ({frames / rate:.2f} s) have the value {meter.value:.3g}",
            )
        yield _metered(resampler.finish(), meter)
        self._judge(meter, mix)

    def _judge(self, meter: Meter, mix: Mix) -> None:
        """Set `remix` and why, where another mix is better than the one that was used."""
        if not meter.peak <= _MOST_PEAK:
            raise AudioError(
                "non-finite",
                f"samples reach {meter.peak:.3g} times full scale, and no scale goes beyond "
                f"{_MOST_PEAK:.3g}: they are no sound",
            )
        channels = meter.channels(self._streams)
        if not mix.channels and any(channel is not None for channel in channels):
            self.remix = Mix(mix.gain, channels)
            taken = next(channel for channel in channels if channel is not None)
            self._why = (
                f"the {self.channels} channels cancel each other: channel {taken + 1} is taken "
                "in place of their mean"
            )
        elif meter.peak > 1.0 and lifted_by_the_resampler(meter):
            self.notes.append(
                f"{meter.outside} of {meter.outputs:,} samples that resampling lifts to "
                f"{meter.peak:.4g} times full scale are clipped"
            )
        elif meter.peak > 1.0:
            self.remix = Mix(mix.gain * BROUGHT_DOWN_TO / meter.peak, mix.channels)
            self._why = (
                f"samples reach {meter.peak / mix.gain:.4g} times full scale: the whole is brought "
                f"down by {-20 * np.log10(self.remix.gain):.2f} dB"
            )

    def _measured(self) -> Mix:
        """Decode once to compare channels; return the mix that keeps what sounds."""
        if self.channels == 1 and self._streams == 1:
            return Mix()
        meter = Meter()
        for stream, _, block in self._blocks():
            meter.add_input(block, Mix().apply(block, stream), stream)
        self._judge(meter, Mix())
        if self.remix is None:
            return Mix()
        self.notes.append(self._why)
        return self.remix


def _metered(samples: Samples, meter: Meter) -> Samples:
    meter.add_output(samples)
    return samples


def _seconds(decoder: Decoder) -> float | None:
    return None if decoder.frames is None else decoder.frames / decoder.sample_rate


def open_recording(source: str | Path | BinaryIO) -> AudioReader:
    """Open a recording of any format that libsndfile reads, or ffmpeg where it is installed.

    Parameters
    ----------
    source : str, Path or BinaryIO
        A path, or a seekable binary stream (read from its beginning; the caller closes it).

    Returns
    -------
    AudioReader
        Open; nothing is decoded yet.

    Raises
    ------
    AudioError
        With reason ``empty``, ``not-audio``, ``needs-ffmpeg``, ``truncated``, ``wrong-length``,
        ``absurd-header``, ``corrupt``, ``sample-rate`` or ``no-channels``.
    OSError
        What opening or reading raised, unchanged: trouble with the place is not trouble with
        the recording.
    """
    if not isinstance(source, (str, Path)):
        return AudioReader(source, owned=False)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(Path(source).open("rb"))
        recording = AudioReader(stream, owned=True)
        stack.pop_all()
        return recording


def mono_blocks(
    source: str | Path | BinaryIO,
    sample_rate: int = DEFAULT_SAMPLE_RATE,
    block_seconds: float = 4.0,
    *,
    refuse_silent: bool = False,
) -> Iterator[Samples]:
    """Stream a recording as mono blocks at one rate.

    Parameters
    ----------
    source : str, Path or BinaryIO
        See `open_recording`.
    sample_rate : int
        The rate of the output in Hz.
    block_seconds : float
        Length of each block but the last, which is what remains.
    refuse_silent : bool
        Whether a recording in which every sample is the same is an error, raised at its end.

    Yields
    ------
    ndarray, float32 [n]
        Full scale is ±1, and a recording may go beyond it. In all ``resampled_length(frames,
        recording's rate, sample_rate)`` samples, the same whatever the block length.

    Raises
    ------
    AudioError
        As `open_recording` does, and ``truncated`` or ``corrupt`` where fewer frames came than
        were declared, ``non-finite``, ``silent``. What was yielded before is then worthless.
    OSError
        What the stream raised.
    """
    with open_recording(source) as recording:
        yield from recording.mono_blocks(sample_rate, block_seconds, refuse_silent=refuse_silent)


def load_audio(
    source: str | Path | BinaryIO,
    sample_rate: int = DEFAULT_SAMPLE_RATE,
    *,
    seconds: float | None = None,
    notes: list[str] | None = None,
) -> Samples:
    """Return a recording as one array, such as a model encodes.

    Parameters
    ----------
    source : str, Path or BinaryIO
        See `open_recording`.
    sample_rate : int
        The rate of the output in Hz.
    seconds : float, optional
        Of its beginning, at most: what follows is not read. All of it by default.
    notes : list of str, optional
        Gets a sentence where the recording goes beyond full scale.

    Returns
    -------
    ndarray, float32 [T]
        Mono, within ±1: a recording that goes beyond is brought down as a whole.

    Raises
    ------
    AudioError, OSError
        As `mono_blocks` does.
    """
    most = None if seconds is None else max(0, round(seconds * sample_rate))
    blocks = [np.zeros(0, np.float32)]
    count = 0
    for block in mono_blocks(source, sample_rate):
        blocks.append(block)
        count += len(block)
        if most is not None and count >= most:
            break
    samples = np.concatenate(blocks)[:most]
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples *= np.float32(BROUGHT_DOWN_TO / peak)
        if notes is not None:
            notes.append(
                f"samples reach {peak:.4g} times full scale: the whole is brought down by "
                f"{20 * np.log10(peak / BROUGHT_DOWN_TO):.2f} dB"
            )
    return samples
