"""The tags of a sound file: title, authors, licence, and where each clip begins."""

from __future__ import annotations

from dataclasses import dataclass

from sequencer.audio.samples import resampled_length
from sequencer.credits.aligned import aligned, model_of, model_words, parents_of
from sequencer.credits.captions import section_words, span_words
from sequencer.rights.rights import licence_url
from sequencer.score.score import Score
from sequencer.sound_files.marks import COMMENT
from sequencer.text import counted, flattened

MOST_CUES = 999
"""More clips than these are not marked one by one, only the sections are."""

# A LIST chunk of about 2 kB stops libsndfile's parser: all texts together stay well below it.
_MOST_BYTES = {"title": 160, "artist": 240, "licence": 160, "comment": 320}
_LABEL_BYTES = 120


@dataclass(frozen=True)
class Tags:
    """Texts for a player or a library, each short and on one line."""

    title: str
    artist: str
    licence: str
    comment: str


@dataclass(frozen=True)
class Cue:
    """A marked place: frames from the beginning, at the output's rate."""

    position: int
    label: str


def tags_of(score: Score, *, title: str = "", artist: str = "") -> Tags:
    """Describe a composition, whatever its file is called: the same score has the same bytes.

    Parameters
    ----------
    score : Score
    title : str
        Its name; style and seed by default.
    artist : str
        Who made it; by default the authors of the recordings that are audible, as many as there is
        room for, or the models where there is none.
    """
    parents = {p.file_id: p for clip in score.clips.values() for p in parents_of(clip)}
    authors = {flattened(parent.rights.author) for parent in parents.values()} - {""}
    models = {
        model_words(model_of(clip)) for clip in score.clips.values() if clip.trained_on is not None
    }
    licence = "licence unknown, see the credits"
    if score.licence:
        licence = f"{score.licence} {licence_url(score.licence)}".strip()
    texts = {
        "title": flattened(title) or f"{score.style or 'composition'}, seed {score.seed}",
        "artist": flattened(artist)
        or _listed(sorted(authors, key=str.lower), _MOST_BYTES["artist"])
        or ", ".join(sorted(models)),
        "licence": flattened(licence),
        "comment": flattened(
            f"{COMMENT} {counted(len(score.clips), 'clip')} of {_made_of(score, len(parents))}; "
            "the credits beside it name authors, licences and changes"
        ),
    }
    return Tags(**{name: shortened(text, _MOST_BYTES[name]) for name, text in texts.items()})


def cues_of(score: Score, sample_rate: int) -> tuple[Cue, ...]:
    """Mark where clips begin, or sections where there are more clips than `MOST_CUES`."""
    if len(score.events) > MOST_CUES:
        sections = score.sections[:MOST_CUES]
        marks = [(section.start, section_words(section)) for section in sections]
    else:
        marks = [(span.start, span_words(span)) for span in aligned(score)]
    return tuple(
        Cue(resampled_length(start, score.sample_rate, sample_rate), shortened(name, _LABEL_BYTES))
        for start, name in marks
    )


def _made_of(score: Score, recordings: int) -> str:
    words = [counted(recordings, "recording")] if recordings or not score.corpora else []
    trained = sum(len(corpus.recordings) for corpus in score.corpora)
    if trained:
        words.append(f"models trained on {counted(trained, 'recording')}")
    return " and ".join(words)


def shortened(text: str, most: int) -> str:
    """Cut a text to so many bytes of UTF-8, with an ellipsis where something is missing."""
    if len(text.encode()) <= most:
        return text
    kept = text.encode()[: most - 3].decode(errors="ignore").rstrip()
    return f"{kept}…"


def _listed(names: list[str], most: int) -> str:
    """List names as far as they fit, and count those left out."""
    for count in range(len(names), 0, -1):
        more = len(names) - count
        text = "; ".join(names[:count]) + (f" and {more} more" if more else "")
        if len(text.encode()) <= most:
            return text
    return shortened(names[0], most) if names else ""
