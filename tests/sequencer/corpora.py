"""Made-up corpora, and clips of models that were trained on them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from sequencer.clips.clips import Clip, Parent
from sequencer.clips.corpus import Corpus
from sequencer.clips.measures import measure
from sequencer.composing.candidates import Candidate
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow
from tests.sequencer.sounds import RATE, pluck

LICENCES = ("CC-BY-4.0", "CC0-1.0")


@functools.cache
def corpus(number: int, licences: tuple[str, ...] = LICENCES) -> Corpus:
    """As many recordings, under these licences in turn."""
    return Corpus.of(
        SourceRow(
            f"{n:040x}",
            Rights(
                f"Title {n}",
                f"Author {n % 900}",
                licences[n % len(licences)],
                page_url=f"https://example.org/{n}",
            ),
            ("music",),
            seconds=1 + n / 8,
        )
        for n in range(number)
    )


MEASURES = measure(pluck(1.0), RATE)


def generated(
    name: str, trained_on: Corpus, seconds: float = 4.0, parents: Sequence[Parent] = ()
) -> Clip:
    return Clip(
        name,
        f"{name}.wav",
        seconds=seconds,
        parents=tuple(parents),
        made_with={"checkpoint": "rain"},
        trained_on=trained_on,
    )


def playable(clip: Clip) -> Candidate:
    return Candidate(clip, round(clip.seconds * RATE), MEASURES, RATE)
