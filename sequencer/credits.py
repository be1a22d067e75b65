"""Credits: every source that can be heard, with its author, page, licence and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from sequencer.clips import Clip, Parent
from sequencer.rights import Rights, licence_ids, licence_url
from sequencer.score import Score
from sequencer.text import clock, flattened


@dataclass
class Source:
    """One recording in a composition.

    Attributes
    ----------
    file_id : str
        Of the recording.
    rights : Rights
    partners : list of str
        Titles of the recordings it was cross-faded with in latent space, sorted.
    direct : bool
        Whether it plays as itself too, not in a mash-up.
    """

    file_id: str
    rights: Rights
    partners: list[str] = field(default_factory=list)
    direct: bool = False

    @property
    def title(self) -> str:
        """Its title on one line, or its id where it has none."""
        return _title(self)


def sources(score: Score) -> list[Source]:
    """List the recordings that a score plays, sorted by title; clips without parents too."""
    found: dict[str, Source] = {}
    partners: dict[str, set[str]] = {}
    for clip in score.clips.values():
        parents = clip.parents or (_itself(clip),)
        for parent in parents:
            source = found.setdefault(parent.file_id, Source(parent.file_id, parent.rights))
            others = [other for other in parents if other.file_id != parent.file_id]
            source.direct = source.direct or not (others or clip.mash_id)
            partners.setdefault(parent.file_id, set()).update(map(_title, others))
    for source in found.values():
        source.partners = sorted(partners[source.file_id])
    return sorted(found.values(), key=lambda source: (source.title.lower(), source.file_id))


def unknown_sources(score: Score) -> list[Source]:
    """Those whose licence is not known."""
    return [source for source in sources(score) if not source.rights.known]


def credits_text(score: Score) -> str:
    """Write the credits as plain text: the same score gives the same text.

    Titles and names are somebody else's words: line breaks and control characters in them become
    spaces, so that nobody can write a second credit into his title.
    """
    every = sources(score)
    unknown = [source for source in every if not source.rights.known]
    lines = [
        "Credits",
        "=======",
        "",
        f"This composition ({clock(score.seconds)}, seed {score.seed}) is made of "
        f"{_count(len(score.clips), 'clip')} from {_count(len(every), 'recording')}. "
        "Nobody named here endorses it.",
    ]
    if unknown:
        lines += [
            "",
            f"The licence of {_count(len(unknown), 'recording')} is not known; find it out before "
            "you publish.",
        ]
    for number, source in enumerate(every, 1):
        lines += ["", *_entry(number, source)]
    return "\n".join(lines) + "\n"


def _entry(number: int, source: Source) -> list[str]:
    rights = source.rights
    author = flattened(rights.author) or "author unknown"
    lines = [f'{number}. "{source.title}" by {author}']
    if rights.page_url:
        lines.append(f"   Page: {flattened(rights.page_url)}")
    lines.append(f"   Licence: {_licence(rights)}")
    if rights.attribution:
        lines.append(f"   Attribution: {flattened(rights.attribution)}")
    lines.append(f"   Changes: {_changes(source)}")
    return lines


def _licence(rights: Rights) -> str:
    if not rights.known:
        return f"unknown ({rights.licence})"
    if rights.licence_url:
        return f"{rights.licence}, {flattened(rights.licence_url)}"
    names = dict.fromkeys(licence_ids(rights.licence))
    addresses = [f"{name}: {url}" for name in names if (url := licence_url(name))]
    return ", ".join([rights.licence, *addresses])


def _changes(source: Source) -> str:
    statements = []
    if source.partners or not source.direct:
        partners = ", ".join(f'"{title}"' for title in source.partners) or "another part of itself"
        statements.append(
            f"cross-faded with {partners} in NSynth latent space, decoded, trimmed, mixed"
        )
    if source.direct:
        statements.append("trimmed, levelled, cross-faded with its neighbours, mixed")
    return "; ".join(statements) + "."


def _title(source: Source | Parent) -> str:
    return flattened(source.rights.title or source.file_id)


def _itself(clip: Clip) -> Parent:
    return Parent(clip.clip_id, rights=Rights(title=clip.file))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
