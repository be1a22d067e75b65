"""The score: what plays when, as data that a person can read, edit and render again.

In memory every time is a whole number of samples at the score's rate. `sequencer.score.files`
writes and reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from sequencer.clips.clips import Clip
    from sequencer.clips.corpus import Corpus

FadeLaw = Literal["linear", "equal-power", "matched"]
FADE_LAWS: tuple[FadeLaw, ...] = get_args(FadeLaw)

MAIN_LAYER = "main"


@dataclass(frozen=True)
class Event:
    """One clip played once. All lengths are in samples at the score's rate.

    Attributes
    ----------
    start : int
        Where it begins in the composition.
    clip : str
        The clip's id.
    offset, length : int
        Which part of the clip plays.
    gain_db : float
        Its level.
    fade_in, fade_out : int
        Within its length; where, in one layer, a fade-out and the next fade-in cover the same
        span, the two are a join and the score's fade law is applied to both together.
    why : str
        Why it was chosen, for people.
    pan : float
        Its place from -1 (left) to 1 (right), at constant power; nothing in a mono score.
    layer : str
        The name of its layer.
    """

    start: int
    clip: str
    offset: int
    length: int
    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    why: str = ""
    pan: float = 0.0
    layer: str = MAIN_LAYER

    @property
    def end(self) -> int:
        """The first sample after it."""
        return self.start + self.length


@dataclass(frozen=True)
class Layer:
    """Events that belong together: joined among themselves, levelled and written out as one."""

    name: str
    gain_db: float = 0.0


@dataclass(frozen=True)
class Section:
    """A stretch of the composition, from `start` (samples) to the next one, for people.

    Attributes
    ----------
    start : int
        Where it begins.
    name : str
        Its mood, such as ``sparse`` or ``rising``.
    why : str
        What was set there.
    """

    start: int
    name: str
    why: str = ""


@dataclass(frozen=True)
class Master:
    """What is done to the whole mix.

    Attributes
    ----------
    gain_db : float
        Its level.
    fade_in, fade_out : int
        Raised cosines at both ends, in samples.
    loudness : float, optional
        The integrated loudness that was aimed at, in LUFS; None for the peak alone.
    true_peak : float
        The level that no true peak goes beyond, in dBTP.
    """

    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    loudness: float | None = None
    true_peak: float = -1.0


@dataclass(frozen=True)
class Score:
    """A composition as data.

    Attributes
    ----------
    seed : int
        Of the draws that chose the events and of the dither.
    sample_rate : int
        The rate of the mix in Hz.
    samples : int
        Length of the composition; events that reach beyond it are cut there.
    fade_law : str
        One of `FADE_LAWS`.
    master : Master
    clips : mapping of str to Clip
        By id, those that play, with their parents' rights and thinned weights: credits, and what
        is audible at any second, need nothing else.
    events : tuple of Event
        In order of their starts.
    notes : tuple of str
        What was left out and why, and other warnings.
    channels : int
        1 or 2.
    style : str
        The preset it was composed with; empty for none.
    layers : tuple of Layer
        At least one; each event names one of them.
    sections : tuple of Section
        In order of their starts.
    licence : str
        What the result is under, as `sequencer.rights.solver` found it: an SPDX expression;
        empty where it could not be found, since a source's licence is not known.
    target : str
        The licence that was asked for; empty for none.
    clips_folder : str
        The folder of its clips, relative to the file it is written in; empty where it is not known.

    Examples
    --------
    >>> from sequencer.clips.clips import Clip
    >>> clip = Clip("a1", "a1.wav", seconds=4.0)
    >>> event = Event(start=0, clip="a1", offset=0, length=64_000, fade_out=8_000)
    >>> score = Score(7, 16_000, 80_000, "matched", Master(), {"a1": clip}, (event,))
    >>> score.seconds, event.end, score.corpora
    (5.0, 64000, ())
    """

    seed: int
    sample_rate: int
    samples: int
    fade_law: FadeLaw
    master: Master
    clips: Mapping[str, Clip]
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    channels: int = 1
    style: str = ""
    layers: tuple[Layer, ...] = (Layer(MAIN_LAYER),)
    sections: tuple[Section, ...] = ()
    licence: str = ""
    target: str = ""
    clips_folder: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    @property
    def corpora(self) -> tuple[Corpus, ...]:
        """What the models of its clips were trained on, each corpus once."""
        found = {
            clip.trained_on.digest: clip.trained_on
            for clip in self.clips.values()
            if clip.trained_on is not None
        }
        return tuple(found.values())


def with_gain(score: Score, gain_db: float) -> Score:
    """Return the same score with another master gain."""
    return replace(score, master=replace(score.master, gain_db=gain_db))
