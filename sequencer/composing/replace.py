"""A score without one of its recordings: its events get other clips, everything else stays."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sequencer.clips.clips import Clip, Parent, with_thinned_weights
from sequencer.composing.candidates import Candidate
from sequencer.composing.compose import level_gain
from sequencer.composing.draws import generator
from sequencer.composing.rules import result_licence
from sequencer.credits.aligned import parents_of, rights_of, title_of
from sequencer.errors import SequencerError
from sequencer.files import naming
from sequencer.rights.rights import Rights
from sequencer.rights.solver import may_go_into
from sequencer.score.score import Event, Score
from sequencer.text import counted

_LEAST_DIGITS = 8
_NEIGHBOURS = 3


def source_ids(score: Score, name: str | Path) -> frozenset[str]:
    """Find the recordings of a score that a person means.

    Parameters
    ----------
    score : Score
    name : str or Path
        A file id (SHA-1) or its first eight digits or more, a title, a path, the name of a file, a
        page's address, or a recording that is a file here, which is known by its content.

    Returns
    -------
    frozenset of str
        File ids; several where recordings share a title. Those of a corpus count too.

    Raises
    ------
    SequencerError
        No recording of the score is called that.
    OSError
        What reading the file raised.
    """
    wanted = str(name).strip()
    rights = dict(_recordings(score))
    found = frozenset(file_id for file_id in rights if _is_called(file_id, rights[file_id], wanted))
    path = Path(name)
    if not found and path.is_file():
        with naming(path), path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha1").hexdigest()
        found = frozenset({digest} & rights.keys())
    if not found:
        some = sorted({_title(file_id, rights[file_id]) for file_id in rights})
        shown = ", ".join(repr(title) for title in some[:5]) + (" …" if len(some) > 5 else "")
        raise SequencerError(f"no recording in the score is called {wanted!r}; there are {shown}")
    return found


def _recordings(score: Score) -> Iterator[tuple[str, Rights]]:
    """Yield the recordings behind the score's clips: id and rights, those that are audible last."""
    for corpus in score.corpora:
        yield from ((row.file, row.rights) for row in corpus.recordings)
    for clip in score.clips.values():
        yield from ((parent.file_id, parent.rights) for parent in parents_of(clip))


def replace_source(score: Score, name: str | Path, candidates: Sequence[Candidate]) -> Score:
    """Take a recording out of a score.

    Each event of a clip that was made from it, or that a model generated which was trained on it,
    gets another clip that is long enough and goes into
    the score's licence: one that does not play nearby, of those the ones used least. Where there is
    none the event is taken out, and a note says so. The other events stay exactly as they are. The
    licence is found anew for what is left.

    Parameters
    ----------
    score : Score
    name : str or Path
        See `source_ids`.
    candidates : sequence of Candidate
        Clips that may take their places.

    Returns
    -------
    Score
        Of the same length, with the same master gain.

    Raises
    ------
    SequencerError
        No recording is called that, nothing of the score would be left, or the candidates were
        measured at another rate than the score's.
    """
    if other := {each.sample_rate for each in candidates} - {score.sample_rate}:
        raise SequencerError(
            f"clips were measured at {min(other):,} Hz; measure them at the score's "
            f"{score.sample_rate:,} Hz"
        )
    ids = source_ids(score, name)
    touched = {clip.clip_id for clip in score.clips.values() if _is_made_of(clip, ids)}
    by_id = {candidate.clip.clip_id: candidate for candidate in candidates}
    fitting = [
        candidate
        for candidate in candidates
        if not _is_made_of(candidate.clip, ids) and _may_play(candidate.clip, score)
    ]
    rng = generator(score.seed, "replace")
    uses = Counter(event.clip for event in score.events if event.clip not in touched)
    events: list[Event | None] = [
        None if event.clip in touched else event for event in score.events
    ]
    replaced = silent = 0
    for place, event in enumerate(score.events):
        if event.clip not in touched:
            continue
        pool = [candidate for candidate in fitting if candidate.length >= event.length]
        around = events[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]
        nearby = {other.clip for other in around if other is not None}
        pool = [each for each in pool if each.clip.clip_id not in nearby] or pool
        if not pool:
            silent += 1
            continue
        fewest = min(uses[candidate.clip.clip_id] for candidate in pool)
        pool = [candidate for candidate in pool if uses[candidate.clip.clip_id] == fewest]
        chosen = pool[int(rng.integers(len(pool)))]
        spare = chosen.length - event.length
        section_gain = event.gain_db - level_gain(by_id[event.clip]) if event.clip in by_id else 0.0
        events[place] = replace(
            event,
            clip=chosen.clip.clip_id,
            offset=int(rng.integers(spare + 1)) if spare > 0 else 0,
            gain_db=round(level_gain(chosen) + section_gain, 2),
            why=f"in place of {event.clip[:40]!r}; one of {len(pool)} that fit",
        )
        uses[chosen.clip.clip_id] += 1
        replaced += 1
    left = tuple(event for event in events if event is not None)
    if not left:
        why = "every clip that fits is derived from it" if not fitting else "no clip is long enough"
        raise SequencerError(
            f"nothing would be left without {str(name)!r}: {why}; compose anew, of other clips"
        )
    return _rewritten(score, left, by_id, _note(str(name), replaced, silent))


def _rewritten(
    score: Score, events: tuple[Event, ...], by_id: dict[str, Candidate], note: str
) -> Score:
    playing = dict.fromkeys(event.clip for event in events)
    clips = {name: clip for name, clip in score.clips.items() if name in playing}
    for name in playing:
        if name not in clips:
            clips[name] = with_thinned_weights(by_id[name].clip)
    return replace(
        score,
        events=events,
        clips=clips,
        notes=(*score.notes, note),
        licence=result_licence(clips.values(), score.target).licence,
    )


def _note(name: str, replaced: int, silent: int) -> str:
    note = f"without {name!r}: {counted(replaced, 'event')} got another clip"
    silence = f", {counted(silent, 'event')} left out, since no clip is long enough"
    return note + (silence if silent else "")


def _is_made_of(clip: Clip, ids: frozenset[str]) -> bool:
    trained = clip.trained_on is not None and not ids.isdisjoint(clip.trained_on.ids)
    return trained or any(parent.file_id in ids for parent in parents_of(clip))


def _may_play(clip: Clip, score: Score) -> bool:
    """Whether a clip's sources go into the score's licence, or play already where it has none."""
    licences = {rights.licence for rights in rights_of(clip)}
    if score.licence:
        return all(may_go_into(licence, score.licence) for licence in licences)
    return licences <= {
        rights.licence for each in score.clips.values() for rights in rights_of(each)
    }


def _title(file_id: str, rights: Rights) -> str:
    return title_of(Parent(file_id, rights=rights))


def _is_called(file_id: str, rights: Rights, wanted: str) -> bool:
    names = {file_id, PurePosixPath(file_id).name, rights.page_url} - {""}
    begins = len(wanted) >= _LEAST_DIGITS and file_id.startswith(wanted.lower())
    return begins or wanted in names or wanted.casefold() == _title(file_id, rights).casefold()
