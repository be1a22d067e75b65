"""The square that NSynth Super plays: four recordings at its corners, and a clip at each point."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hdfs_jobs.canonical_json import Json, derived_id
from hdfs_jobs.errors import UsageError
from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.crossfade import Mixture, grid_weights
from nsynth_batch.pipeline.without_store import (
    Audio,
    Made,
    OnProgress,
    Parent,
    encodings_of,
    is_ours,
    mixture_of,
    write_sound,
)
from nsynth_batch.settings.choices import MODEL_FACTS
from nsynth_batch.settings.mash_rule import MashRule
from sequencer.clips.clips import CLIPS_NAME, Clip, read_clips, write_clips_jsonl
from sequencer.clips.clips import Parent as ClipParent
from sequencer.clips.gate import verdict
from sequencer.clips.measures import measure


@dataclass(frozen=True)
class _Point:
    """A place of the square."""

    name: str
    mixture: Mixture


def point_names(size: int) -> list[str]:
    """Return the file names of a square's points, row by row from corner A."""
    return [f"row{row}-column{column}.wav" for row in range(size) for column in range(size)]


def refuse_others(folder: Path, size: int, picture: str = "") -> None:
    """Refuse a folder that holds what was not written here.

    Parameters
    ----------
    folder : Path
    size : int
        Points a side.
    picture : str
        The name of the square's picture, which only a folder of such clips may have; empty for
        none.

    Raises
    ------
    UsageError
        If it is a file, or has clips or sounds of other origin.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file: -o is the folder of a --morph's clips")
    names = point_names(size)
    theirs = [name for name in names if (folder / name).exists() and not is_ours(folder / name)]
    if (folder / CLIPS_NAME).exists():
        theirs += [clip.file for clip in read_clips(folder) if clip.file not in names]
    if picture and (folder / picture).exists() and not (folder / CLIPS_NAME).exists():
        theirs.append(picture)
    if theirs:
        raise UsageError(
            f"{folder} holds what is of others, as {theirs[0]}: give a --morph a folder of its own"
        )


def morph(
    model: Autoencoder,
    corners: Sequence[Parent],
    rule: MashRule,
    size: int,
    folder: Path,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    on_progress: OnProgress | None = None,
) -> list[Clip]:
    """Decode a square of mash-ups to the clips of a folder, with clips.jsonl beside them.

    Parameters
    ----------
    model : Autoencoder
    corners : sequence of Parent
        A top left, B top right, C bottom left and D bottom right.
    rule : MashRule
        Its length and stretch; the weights are those of the points.
    size : int
        Points a side.
    folder : Path
        Made if it does not exist.
    seed, temperature, on_progress
        As for `Autoencoder.decode`; each point has draws of its own.

    Returns
    -------
    list of Clip
        Row by row. A corner's clip has one parent, those of an edge two.

    Raises
    ------
    UsageError
        If two corners are one recording, or a stretch leaves nothing of one.
    """
    encodings = encodings_of(model, corners)
    points = [
        _Point(
            name,
            mixture_of(model, encodings, replace(rule, curve="blend", weights=weights), seed),
        )
        for name, weights in zip(point_names(size), grid_weights(size), strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    ids = [_file_id(corner) for corner in corners]
    made = _decoded(model, points, seed, temperature, on_progress)
    clips = []
    for point, samples in zip(points, made, strict=True):
        there = [n for n, share in enumerate(point.mixture.weights[:, 0]) if share]
        parents = tuple(corners[n] for n in there)
        shown = Mixture(
            point.mixture.encoding,
            point.mixture.weights[there],
            tuple(point.mixture.stretch[n] for n in there),
        )
        write_sound(
            Made(samples, parents, shown, model.hop, model.sample_rate), folder / point.name
        )
        named = [(ids[n], corners[n], float(point.mixture.weights[n, 0])) for n in there]
        clips.append(_clip(model, point, samples, named, seed, temperature))
    write_clips_jsonl(folder, clips)
    return clips


def _decoded(
    model: Autoencoder,
    points: Sequence[_Point],
    seed: int,
    temperature: float,
    on_progress: OnProgress | None,
) -> Iterator[Audio]:
    size = model.engine.full_batch(max(len(each.mixture.encoding) for each in points) * model.hop)
    for start in range(0, len(points), size):
        batch = points[start : start + size]
        yield from model.decode(
            [each.mixture.encoding for each in batch],
            seed=seed,
            ids=[each.name for each in batch],
            temperature=temperature,
            on_progress=on_progress,
        )


def _file_id(parent: Parent) -> str:
    with parent.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha1").hexdigest()


def _clip(
    model: Autoencoder,
    point: _Point,
    samples: Audio,
    parents: Sequence[tuple[str, Parent, float]],
    seed: int,
    temperature: float,
) -> Clip:
    facts = model.facts()
    made_with = {name: str(facts[name]) for name in MODEL_FACTS}
    measures = measure(samples, model.sample_rate)
    word, reason = verdict(measures)
    what: dict[str, Json] = {
        "point": point.name,
        "parents": [[file_id, share] for file_id, _, share in parents],
        "frames": len(point.mixture.encoding),
        "stretch": list(point.mixture.stretch),
        "seed": seed,
        "temperature": temperature,
        "made_with": list(made_with.values()),
    }
    return Clip(
        clip_id=derived_id(what),
        file=point.name,
        sample_rate=model.sample_rate,
        samples=len(samples),
        seconds=len(samples) / model.sample_rate,
        seed=seed,
        temperature=temperature,
        measures=asdict(measures),
        verdict=word,
        verdict_reason=reason,
        parents=tuple(
            # What is itself a clip has the rights of each recording behind it.
            ClipParent(
                file_id if len(parent.rights) == 1 else f"{file_id}-{place}",
                rights=rights,
                weights=(share,),
            )
            for file_id, parent, share in parents
            for place, rights in enumerate(parent.rights)
        ),
        made_with=made_with,
    )
