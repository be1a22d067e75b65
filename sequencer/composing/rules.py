"""What a composition has to keep to, besides its style; and which clips that leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sequencer.clips.clips import Clip
from sequencer.composing.candidates import Candidate
from sequencer.composing.styles import Style
from sequencer.composing.styles import checked as checked_style
from sequencer.credits.aligned import rights_of
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.rights.solver import solve
from sequencer.text import counted


@dataclass(frozen=True)
class Rules:
    """What was asked for.

    Attributes
    ----------
    style : Style
    style_name : str
        Of the preset that it began with; empty for none.
    categories : tuple of str
        Only clips of which a recording is in one of these play; empty for all.
    max_share : float
        How much of the composition's time a recording may have, above 0 to 1.
    target : str
        The licence that the result shall be under; empty for whatever comes out.
    allow_nc, allow_nd : bool
        Whether sources that exclude commerce, or allow no adaptation, are played.
    true_peak : float
        What no true peak goes beyond, in dBTP.
    most_limiting : float, optional
        What the limiter may take off peaks for the style's loudness, in dB: clips of sharp attacks
        come out softer than it rather than flattened. None for whatever the loudness needs, as
        where it was asked for.
    """

    style: Style = field(default_factory=Style)
    style_name: str = ""
    categories: tuple[str, ...] = ()
    max_share: float = 1.0
    target: str = ""
    allow_nc: bool = False
    allow_nd: bool = False
    true_peak: float = -1.0
    most_limiting: float | None = 6.0


def checked(rules: Rules) -> Rules:
    """Return the rules back if something can be composed by them.

    Raises
    ------
    SequencerError
        Naming the flag that is out of bounds.
    """
    checked_style(rules.style)
    if not 0 < rules.max_share <= 1:
        raise SequencerError("--max-share must be above 0% and at most 100%")
    solve({}, rules.target)
    return rules


@dataclass(frozen=True)
class Allowed:
    """The clips that may play, and a note for each of the others."""

    clips: tuple[Candidate, ...]
    notes: tuple[str, ...]


def allowed(clips: Sequence[Candidate], rules: Rules) -> Allowed:
    """Keep the clips that the rules allow, before anything is composed of them.

    Raises
    ------
    SequencerError
        No clip is left, or the target is no licence to aim at.
    """
    in_category = _in_categories(clips, rules.categories)
    found = solve(
        _rights(candidate.clip for candidate in in_category),
        rules.target,
        allow_nc=rules.allow_nc,
        allow_nd=rules.allow_nd,
    )
    left = tuple(clip for clip in in_category if clip.clip.clip_id not in found.left_out)
    if not left:
        into = f"goes into {rules.target}" if rules.target else "may be used"
        each = [f"{name!r}: {why}" for name, why in found.left_out.items()]
        raise SequencerError(
            f"none of the {counted(len(in_category), 'clip')} {into}: {_listed(each, '; ')}"
        )
    notes = [f"left out {name!r}: {why}" for name, why in found.left_out.items()]
    if found.conflicts:
        notes.append(
            f"{counted(len(found.conflicts), 'clip')} left out, as few as can be: licences that "
            "do not go with the others"
        )
    return Allowed(left, tuple(notes))


@dataclass(frozen=True)
class ResultLicence:
    """What a composition is under, empty where that cannot be stated, and notes on it."""

    licence: str
    notes: tuple[str, ...]


def result_licence(clips: Iterable[Clip], target: str) -> ResultLicence:
    """Find what a composition of clips is under, all of which play already."""
    found = solve(_rights(clips), target, allow_nc=True, allow_nd=True)
    notes = []
    if found.unknown:
        notes.append(
            "the licence of the result cannot be stated, since that of "
            f"{_listed(found.unknown)} is not known; the credits note it"
        )
    if found.private:
        notes.append(
            f"{_listed(found.private)} allows no adaptation to be shared: the result is for "
            "private use"
        )
    return ResultLicence("" if found.left_out else found.licence, tuple(notes))


def _rights(clips: Iterable[Clip]) -> dict[str, tuple[Rights, ...]]:
    return {clip.clip_id: rights_of(clip) for clip in clips}


def _in_categories(clips: Sequence[Candidate], names: Sequence[str]) -> list[Candidate]:
    wanted = {name.lower() for name in names}
    kept = [
        clip
        for clip in clips
        if not wanted
        or any(name.lower() in wanted for parent in clip.clip.parents for name in parent.categories)
    ]
    if not kept:
        there = sorted({n for c in clips for parent in c.clip.parents for n in parent.categories})
        listed = f"there are {_listed(there)}" if there else "the clips have none"
        raise SequencerError(f"no clip is in category {_listed(sorted(names))}; {listed}")
    return kept


def _listed(names: Sequence[str], between: str = ", ") -> str:
    """Name the first few."""
    few, more = names[:5], len(names) - 5
    return between.join(few) + (f" and {more} more" if more > 0 else "")
