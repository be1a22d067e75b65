"""What to mind about a score as it is now, found from the score alone."""

from __future__ import annotations

from collections.abc import Iterable

from sequencer.composing.rules import result_licence
from sequencer.score.score import Score
from sequencer.text import clock, counted


def remarks(score: Score) -> tuple[str, ...]:
    """Return what a person should know of a score: its licence, and clips that play again.

    Scores do not hold these, since an edit would leave them behind.

    Parameters
    ----------
    score : Score

    Returns
    -------
    tuple of str
        A sentence each, without its stop.
    """
    return (*result_licence(score.clips.values(), score.target).notes, *_played_again(score))


def _played_again(score: Score) -> Iterable[str]:
    playing = {event.clip for event in score.events}
    again = len(score.events) - len(playing)
    if not again:
        return
    material = sum(score.clips[name].seconds for name in playing)
    clips = counted(len(playing), "clip")
    yield (
        f"{clips} of {clock(material)} together {'is' if len(playing) == 1 else 'are'} played for "
        f"{clock(score.seconds)}: clips were played again {counted(again, 'time')}"
    )
