"""Credits: every audible source, with its author, page, licence and what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sequencer.clips.clips import Parent
from sequencer.credits.aligned import audible_seconds, author_of, is_prime, parents_of, title_of
from sequencer.credits.trained import Training, recording_words, trainings
from sequencer.rights.licence_names import Licence, licences_in, licences_of
from sequencer.rights.rights import Rights
from sequencer.rights.solver import chosen
from sequencer.score.score import Score
from sequencer.text import clock, counted, flattened

NO_ENDORSEMENT = "Nobody named here endorses it."
NO_LICENCE = "No licence could be stated for the whole."


@dataclass
class Credit:
    """One recording in a composition.

    Attributes
    ----------
    file_id : str
        Of the recording.
    rights : Rights
    title : str
        On one line; its id where it has none.
    partners : list of str
        Titles of the recordings it was cross-faded with in latent space, sorted.
    direct : bool
        Whether it plays as itself too, not in a mash-up.
    mashed : bool
        Whether it plays in a mash-up.
    prime : bool
        Whether a model generated clips that go on from it.
    seconds : float
        How long it is audible: the time of its clips times its share in them.
    used_under : str
        The alternative of its licence by which it goes into the result; empty where it has none.
    """

    file_id: str
    rights: Rights
    title: str
    partners: list[str] = field(default_factory=list)
    direct: bool = False
    mashed: bool = False
    prime: bool = False
    seconds: float = 0.0
    used_under: str = ""

    @property
    def changes(self) -> str:
        """What was done to it, as a sentence without its capital."""
        statements = []
        if self.mashed:
            partners = ", ".join(f'"{title}"' for title in self.partners)
            statements.append(
                f"cross-faded with {partners or 'another part of itself'} in latent space, "
                "decoded, trimmed, mixed"
            )
        if self.direct:
            statements.append("trimmed, levelled, cross-faded with its neighbours, mixed")
        if self.prime:
            statements.append(
                "given to a model as the beginning of what it generated, cut off, levelled, mixed"
            )
        return "; ".join(statements) + "."


def sources(score: Score) -> list[Credit]:
    """List the recordings that a score plays, sorted by title; clips without parents too."""
    found: dict[str, Credit] = {}
    partners: dict[str, set[str]] = {}
    for clip in score.clips.values():
        parents = parents_of(clip)
        for parent in parents:
            source = found.setdefault(parent.file_id, _source(parent))
            others = [other for other in parents if other.file_id != parent.file_id]
            if is_prime(clip):
                source.prime = True
                others = []
            elif others or clip.mash_id:
                source.mashed = True
            else:
                source.direct = True
            partners.setdefault(parent.file_id, set()).update(map(title_of, others))
    audible = audible_seconds(score)
    for source in found.values():
        source.partners = sorted(partners[source.file_id])
        source.seconds = audible.get(source.file_id, 0.0)
        licence = source.rights.licence
        alternative = chosen(licence, score.licence) if score.licence else licence
        source.used_under = alternative if alternative != licence else ""
    return sorted(found.values(), key=lambda source: (source.title.lower(), source.file_id))


def summary(score: Score, every: Sequence[Credit], trained: Sequence[Training]) -> str:
    """Write in a sentence what the composition is made of."""
    parts = [training.words for training in trained]
    if every or not trained:
        own = len(score.clips) - sum(training.clips for training in trained)
        parts.insert(0, f"{counted(own, 'clip')} from {counted(len(every), 'recording')}")
    return (
        f"This composition ({clock(score.seconds)}, seed {score.seed}) is made of "
        f"{' and '.join(parts)}."
    )


def warning(every: Sequence[Credit], trained: Sequence[Training]) -> str:
    """Write how many licences are not known; "" where all are."""
    unknown = sum(not source.rights.known for source in every)
    unknown += sum(training.unknown for training in trained)
    if not unknown:
        return ""
    return (
        f"The licence of {counted(unknown, 'recording')} is not known; find it out before you "
        "publish."
    )


def result_licences(score: Score) -> list[Licence]:
    """Return what the composition itself is under; nothing where that could not be found."""
    return licences_in(score.licence) if score.licence else []


def credits_text(score: Score) -> str:
    """Write the credits as plain text: the same score gives the same text.

    Titles and names are other people's words: line breaks and control characters in them become
    spaces, so that no title can hold a second credit.

    Examples
    --------
    >>> from sequencer.clips.clips import Clip
    >>> from sequencer.score.score import Event, Master
    >>> wind = Parent("1" * 40, rights=Rights("Wind", "Ann", "CC0-1.0"))
    >>> clip = Clip("a1", "a1.wav", seconds=4.0, parents=(wind,))
    >>> score = Score(
    ...     7, 16_000, 64_000, "matched", Master(), {"a1": clip}, (Event(0, "a1", 0, 64_000),)
    ... )
    >>> print(credits_text(score).splitlines()[-3])
    1. "Wind" by Ann
    """
    every, trained = sources(score), trainings(score)
    lines = ["Credits", "=======", "", f"{summary(score, every, trained)} {NO_ENDORSEMENT}"]
    result = result_licences(score)
    words = (
        f"It may be used under {_licence_words(score.licence, result)}." if result else NO_LICENCE
    )
    lines += ["", words]
    if caution := warning(every, trained):
        lines += ["", caution]
    for number, source in enumerate(every, 1):
        lines += ["", *_entry(number, source)]
    for training in trained:
        lines += ["", *_training(training)]
    return "\n".join(lines) + "\n"


def _source(parent: Parent) -> Credit:
    return Credit(parent.file_id, parent.rights, title_of(parent))


def _entry(number: int, source: Credit) -> list[str]:
    rights = source.rights
    lines = [f'{number}. "{source.title}" by {author_of(rights)}']
    if rights.page_url:
        lines.append(f"   Page: {flattened(rights.page_url)}")
    words = (
        _licence_words(rights.licence, licences_of(rights))
        if rights.known
        else f"unknown ({rights.licence})"
    )
    lines.append(f"   Licence: {words}")
    if source.used_under:
        lines.append(f"   Used under: {source.used_under}")
    if rights.attribution:
        lines.append(f"   Attribution: {flattened(rights.attribution)}")
    lines.append(f"   Changes: {source.changes}")
    return lines


def _training(training: Training) -> Iterator[str]:
    yield f"{training.words}:"
    for group in training.groups:
        words = _licence_words(group.licence, group.licences)
        yield f"   Licence: {words if group.known else f'unknown ({group.licence})'}"
        if group.used_under:
            yield f"   Used under: {group.used_under}"
        yield from (f"   - {recording_words(row)}" for row in group.recordings)


def _licence_words(expression: str, licences: Sequence[Licence]) -> str:
    words = [expression]
    for licence in licences:
        parts = [licence.name if licence.name != licence.id else "", licence.url]
        known = ", ".join(filter(None, parts))
        if known:
            words.append(known if len(licences) == 1 else f"{licence.id} is {known}")
    return "; ".join(words)
