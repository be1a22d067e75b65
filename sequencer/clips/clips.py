"""Clips and where they come from: clips.jsonl beside the sound files, or a plain folder of sound.

clips.jsonl holds one JSON object a line, one line a clip, in UTF-8. A line that cannot be read is
an error with its number: what is broken there would otherwise be missing from the credits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from sequencer.audio.suffixes import is_audio_name
from sequencer.clips.corpus import (
    CORPUS_SUFFIX,
    Corpus,
    corpus_digest,
    corpus_named,
    read_corpus,
)
from sequencer.clips.weight_points import thinned
from sequencer.errors import SequencerError
from sequencer.files import replacing
from sequencer.json_fields import Fields
from sequencer.rights.rights import Rights
from sequencer.rights.source_names import (
    is_sources_name,
    looks_like_sources,
    match_sources,
    unread_sources,
)
from sequencer.rights.sources_csv import SOURCES_NAME, SourceRow, read_sources
from sequencer.text import flattened

CLIPS_NAME = "clips.jsonl"
SCORE_SUFFIX = ".score.json"
_WANTED = "give a clips export or a folder of sound files"


@dataclass(frozen=True)
class Parent:
    """One recording that a clip was made from.

    Attributes
    ----------
    file_id : str
        SHA-1 of the recording's content, or its path where only a folder is known.
    segment : int
        Which cut of the recording.
    start_seconds : float
        Where the cut begins.
    rights : Rights
        Title, author, licence and where they stand.
    categories : tuple of str
        As in the catalog.
    weights : tuple of float
        The recording's share in each frame of the clip, 0 to 1; empty for the whole clip.
    sound : str
        Path of a sound file of the cut, relative to the folder as for a clip; empty where the
        export has none. A score names none.
    """

    file_id: str
    segment: int = 0
    start_seconds: float = 0.0
    rights: Rights = field(default_factory=Rights)
    categories: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    sound: str = ""


@dataclass(frozen=True)
class Clip:
    """One sound to compose with.

    Attributes
    ----------
    clip_id : str
        Unique in its folder.
    file : str
        Path of the sound file relative to the folder, with ``/`` between its parts.
    sample_rate, samples, seconds
        As written in clips.jsonl; 0 where the folder has none, until the file is opened.
    mash_id : str
        The mash-up that was decoded; empty for a recording used as a clip.
    seed : int
        Of the decoding.
    temperature : float
        Of the decoding.
    measures : mapping of str to float
        As the gate names them.
    verdict, verdict_reason : str
        The gate's words; empty before the clip is measured.
    parents : tuple of Parent
        The recordings; two or more for a mash-up. Of a clip that a model generated without a
        mash-up, those that the generation began from.
    made_with : mapping of str to str
        checkpoint, engine, precision, instruction_set.
    sha256 : str
        Of the file when it was surveyed, 64 hexadecimal digits; empty before. Scores hold it,
        clips.jsonl does not.
    trained_on : Corpus, optional
        What the model that generated it was trained on; clips of one model share the object.
    nll : float, optional
        Nats a sample that the model which generated it gives it itself.
    origin : mapping of str to float
        Its texture and its source's, as `sequencer.clips.gate.Origin` names them; empty for what
        no model made, and in exports of earlier releases.

    Examples
    --------
    >>> wind = Parent("1" * 40, rights=Rights("Wind", "Ann", "CC-BY-4.0"), weights=(1.0, 0.0))
    >>> choir = Parent("2" * 40, rights=Rights("Choir", "Bob", "CC0-1.0"), weights=(0.0, 1.0))
    >>> clip = Clip("a1", "a1.wav", seconds=4.0, mash_id="m7", parents=(wind, choir))
    >>> [parent.rights.title for parent in clip.parents]
    ['Wind', 'Choir']
    """

    clip_id: str
    file: str
    sample_rate: int = 0
    samples: int = 0
    seconds: float = 0.0
    mash_id: str = ""
    seed: int = 0
    temperature: float = 1.0
    measures: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    verdict_reason: str = ""
    parents: tuple[Parent, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    trained_on: Corpus | None = None
    origin: Mapping[str, float] = field(default_factory=dict)
    nll: float | None = None

    @property
    def title(self) -> str:
        """The titles of its recordings on one line; its file's name where it has none."""
        titles = [parent.rights.title or parent.file_id for parent in self.parents]
        return flattened(" + ".join(titles)) or PurePosixPath(self.file).stem


def with_thinned_weights(clip: Clip) -> Clip:
    """Return the clip as a score keeps it: few points in place of a weight a frame."""
    parents = (
        replace(parent, weights=thinned(parent.weights), sound="") for parent in clip.parents
    )
    return replace(clip, parents=tuple(parents))


def write_clips_jsonl(folder: str | Path, clips: Iterable[Clip]) -> Path:
    """Write clips.jsonl into a folder, whole or not at all; clips may be a generator.

    The corpora that the clips name are written beside it, each once.

    Returns
    -------
    Path
        The file written.
    """
    path = Path(folder) / CLIPS_NAME
    written: set[str] = set()
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for clip in clips:
            corpus = clip.trained_on
            if corpus is not None and corpus.digest not in written:
                beside = path.with_name(f"{corpus.digest}{CORPUS_SUFFIX}")
                with replacing(beside) as table:
                    table.write_bytes(corpus.text.encode())
                written.add(corpus.digest)
            out.write(json.dumps(_clip_to_json(clip), ensure_ascii=False, allow_nan=False) + "\n")
    return path


@dataclass(frozen=True)
class ClipFolder:
    """The clips of a folder, and what to mind of their rights, a line for each matter."""

    clips: tuple[Clip, ...]
    warnings: tuple[str, ...] = ()


def read_clips(folder: str | Path) -> list[Clip]:
    """List the clips of a folder; see `read_folder`."""
    return list(read_folder(folder).clips)


def read_folder(folder: str | Path) -> ClipFolder:
    """List the clips of a folder.

    A folder with clips.jsonl is a clips export. Any other folder is searched for sound files, its
    subfolders too: each is a clip whose only parent is itself, with the rights that a sources.csv
    at the folder's top gives, else unknown ones; names in it are compared as people see them, and
    those that match nothing are warned about. There, hidden files are passed over, and so are
    compositions (a file with a ``.score.json`` beside it), or a piece would feed the next one.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    ClipFolder
        Clips in the order of the lines, or of the paths. No sound file was opened.

    Raises
    ------
    SequencerError
        Not a folder, nothing in it, a line or row that is wrong (with its number).
    """
    root = Path(folder)
    if not root.is_dir():
        kind = "is not a folder" if root.exists() else "is not there"
        raise SequencerError(f"{root} {kind}; {_WANTED}")
    listed = root / CLIPS_NAME
    exported = is_export(root)
    found = ClipFolder(tuple(read_clips_jsonl(listed))) if exported else _scan(root)
    if not found.clips:
        where = f"{listed} lists no clip" if exported else f"{root} holds no sound file"
        raise SequencerError(f"{where}; {_WANTED}")
    return found


def is_export(folder: str | Path) -> bool:
    """Whether a folder is a clips export: decoded clips, not a person's own sounds."""
    return (Path(folder) / CLIPS_NAME).is_file()


def _scan(root: Path) -> ClipFolder:
    names = [path.as_posix() for path in sorted(sound_files(root))]
    rows: Mapping[str, SourceRow] = {}
    warnings: tuple[str, ...] = ()
    entries = sorted(root.iterdir())
    beside = [path.name for path in entries if path.is_file()]
    unread = [path.name for path in entries if is_sources_name(path.name) and not path.is_file()]
    tables = [name for name in beside if is_sources_name(name)]
    if tables:
        name = SOURCES_NAME if SOURCES_NAME in tables else tables[0]
        found = match_sources(read_sources(root / name), names, name)
        rows, warnings = found.rows, found.warnings
    elif strange := next((name for name in beside if looks_like_sources(name)), None):
        warnings = (f"{strange} is not read: a table of rights is called {SOURCES_NAME}",)
    if unread:
        warnings += (unread_sources(unread),)
    return ClipFolder(tuple(_clip_of(name, rows.get(name)) for name in names), warnings)


def _clip_of(name: str, row: SourceRow | None) -> Clip:
    rights = Rights() if row is None else row.rights
    rights = rights if rights.title else replace(rights, title=PurePosixPath(name).stem)
    categories = () if row is None else row.categories
    return Clip(name, name, parents=(Parent(name, rights=rights, categories=categories),))


def sound_files(root: Path) -> Iterator[PurePosixPath]:
    """Yield the sound files of a folder and those below it, but for hidden ones and pieces."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(folder)
        for name in names:
            path = here / name
            if name.startswith(".") or not is_audio_name(name):
                continue
            if not path.with_suffix(SCORE_SUFFIX).is_file():
                yield PurePosixPath(path.relative_to(root).as_posix())


def read_clips_jsonl(path: Path) -> Iterator[Clip]:
    """Yield the clips of a clips.jsonl; SequencerError names the line that is wrong."""
    seen: set[str] = set()
    corpora: dict[str, Corpus] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise SequencerError(f"{where}: not a line of JSON: {error}") from error
            fields = Fields(value, where)
            if fields.holds("trained_on"):
                digest = corpus_digest(fields, "trained_on")
                if digest not in corpora:
                    corpora[digest] = read_corpus(path.parent, digest)
            clip = _clip_from_json(fields, corpora)
            if clip.clip_id in seen:
                raise SequencerError(f"{where}: clip_id {clip.clip_id!r} is there twice")
            seen.add(clip.clip_id)
            yield clip


def _clip_from_json(fields: Fields, corpora: Mapping[str, Corpus]) -> Clip:
    measures = fields.mapping("measures")
    made_with = fields.mapping("made_with")
    origin = fields.mapping("origin")
    return Clip(
        clip_id=fields.text("clip_id"),
        file=fields.relative_file("file"),
        sample_rate=fields.integer("sample_rate", 0, least=0),
        samples=fields.integer("samples", 0, least=0),
        seconds=fields.number("seconds", 0.0, least=0.0),
        mash_id=fields.text("mash_id", ""),
        seed=fields.integer("seed", 0),
        temperature=fields.number("temperature", 1.0),
        measures={name: measures.number(name) for name in measures.names()},
        verdict=fields.text("verdict", ""),
        verdict_reason=fields.text("verdict_reason", ""),
        parents=tuple(parent_from_json(parent) for parent in fields.objects("parents")),
        made_with={name: made_with.text(name, "") for name in made_with.names()},
        trained_on=corpus_named(fields, corpora, "the folder"),
        origin={name: origin.number(name) for name in origin.names()},
        nll=fields.number("nll") if fields.holds("nll") else None,
    )


def parent_from_json(fields: Fields) -> Parent:
    """Read one entry of ``parents``, as clips.jsonl and scores hold it."""
    return Parent(
        file_id=fields.text("file_id"),
        segment=fields.integer("segment", 0, least=0),
        start_seconds=fields.number("start_seconds", 0.0, least=0.0),
        rights=Rights.from_json(fields),
        categories=fields.texts("categories"),
        weights=fields.numbers("weights"),
        sound=fields.relative_file("sound") if fields.holds("sound") else "",
    )


def parent_to_json(parent: Parent) -> dict[str, object]:
    """Write one parent; its rights stand flat beside the rest."""
    return {
        "file_id": parent.file_id,
        "segment": parent.segment,
        "start_seconds": parent.start_seconds,
        **parent.rights.to_json(),
        "categories": list(parent.categories),
        "weights": list(parent.weights),
        **({"sound": parent.sound} if parent.sound else {}),
    }


def _clip_to_json(clip: Clip) -> dict[str, object]:
    return {
        "clip_id": clip.clip_id,
        "file": clip.file,
        "sample_rate": clip.sample_rate,
        "samples": clip.samples,
        "seconds": clip.seconds,
        "mash_id": clip.mash_id,
        "seed": clip.seed,
        "temperature": clip.temperature,
        "measures": dict(clip.measures),
        "verdict": clip.verdict,
        "verdict_reason": clip.verdict_reason,
        "parents": [parent_to_json(parent) for parent in clip.parents],
        "made_with": dict(clip.made_with),
        **trained_on_to_json(clip),
        **({"origin": dict(clip.origin)} if clip.origin else {}),
        **({} if clip.nll is None else {"nll": clip.nll}),
    }


def trained_on_to_json(clip: Clip) -> dict[str, str]:
    """Return the field that names a clip's corpus; nothing for a clip without one."""
    return {} if clip.trained_on is None else {"trained_on": clip.trained_on.digest}
