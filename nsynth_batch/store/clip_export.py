"""Clips out of a store: wav files with clips.jsonl beside them, parents and rights included."""

from __future__ import annotations

import io
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import soundfile

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Catalog, Recordings
from nsynth_batch.settings.choices import MODEL_FACTS
from nsynth_batch.store.arrays import vectors
from nsynth_batch.store.clip_names import ClipNames
from nsynth_batch.store.corpora import load_corpus
from nsynth_batch.store.corpus_sound import CorpusSound
from nsynth_batch.store.export_folder import listed_before
from nsynth_batch.store.layout import upstream_of
from nsynth_batch.store.likely import Likely
from nsynth_batch.store.lineage import Corpus, LineageOf, Link
from nsynth_batch.store.mash_rows import WEIGHT_COLUMNS, WeightedParent, parents_of_row
from nsynth_batch.store.origins import Origins
from nsynth_batch.store.parent_sounds import ParentSounds
from nsynth_batch.store.segments import Segments
from nsynth_batch.text import command_line
from sequencer.clips.clips import Clip, Parent, write_clips_jsonl
from sequencer.clips.gate import Origin, verdict
from sequencer.clips.measures import Measures
from sequencer.files import naming, replacing
from sequencer.rights.rights import Rights

_DECIMALS = 4
"""Of the mix at each frame, in clips.jsonl."""

_Found = tuple[Clip, npt.NDArray[np.int16], Segments]
"""A clip, its samples, and where its parents' sound is found; None where it has none."""


@dataclass
class Exported:
    """What an export did.

    Attributes
    ----------
    clips
        Clips in clips.jsonl.
    written
        Wav files that were not there before, or held another sound.
    seconds
        Of audio in all clips.
    verdicts
        How often the gate gave each.
    left_out
        Clips that are derived from a forgotten recording.
    stale
        Wav files of such clips that an earlier export left in the folder.
    unnamed
        Sounds of parents that an earlier export left there, and no clip names any more.
    unlisted
        Clips that clips.jsonl listed before, and does not any more: of other settings, or not
        wanted now. File by id.
    without_parents
        Clips that have no sound of a parent beside them, though it was wanted.
    """

    clips: int
    written: int
    seconds: float
    verdicts: dict[str, int]
    left_out: int = 0
    stale: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    unlisted: dict[str, str] = field(default_factory=dict)
    without_parents: int = 0


def export_clips(
    store: Store,
    folder: Path,
    lineage_of: LineageOf,
    *,
    every: bool = False,
    producer: str | None = None,
    parents: bool = False,
    likely: Likely | None = None,
) -> Exported:
    """Write clips of a store to a folder of this machine.

    A wav file is named by the clip's recordings and the beginning of its id (`ClipNames`); one that
    holds the clip's sound already is left as it is. clips.jsonl is written anew, by what the
    catalog knows now. Clips of forgotten recordings are left out.
    Every shard that is read is compared with its manifest first.

    Parameters
    ----------
    store : Store
        Where the clips are.
    folder : Path
        Made if it does not exist.
    lineage_of : callable
        Returns the rule of the step that made a dataset.
    every : bool
        Clips of all settings that there ever were, and not of the current datasets alone.
    producer : str, optional
        Clips of one producer alone; the one without a name is ``""``.
    parents : bool
        Write the sound of the clips' parents beside, and name it in clips.jsonl.
    likely : Likely, optional
        Which clips of each dataset to keep by their likelihood.

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        If the store has no clips, a shard is not what was committed, or the folder is not one of
        this store's own; see `listed_before`.
    """
    current = [one for one in store.current("clips") if producer in (None, one.producer)]
    if not any(dataset.committed() for dataset in current):
        run = command_line("run", store.url)
        raise UsageError(f"{store.url} has no clips yet: run {run} first")
    datasets = store.datasets("clips") if every else current
    report = Exported(0, 0, 0.0, {}, unlisted=listed_before(folder, store))
    folder.mkdir(parents=True, exist_ok=True)
    kept = clips_of(store, datasets, lineage_of, folder, report, likely)
    sounds = ParentSounds(folder)
    write_clips_jsonl(
        folder,
        (
            _with_parents(written, segments, sounds, report) if parents else written
            for clip, samples, segments in kept
            for written in [_write(clip, samples, folder, report)]
        ),
    )
    report.unnamed = sounds.unnamed()
    return report


def _with_parents(clip: Clip, segments: Segments, sounds: ParentSounds, report: Exported) -> Clip:
    named = sounds.written(clip, segments)
    if not any(parent.sound for parent in named.parents):
        report.without_parents += 1
    return named


def clips_of(
    store: Store,
    datasets: Sequence[Dataset],
    lineage_of: LineageOf,
    folder: Path,
    report: Exported,
    likely: Likely | None = None,
) -> Iterator[tuple[Clip, npt.NDArray[np.int16], Segments]]:
    """Yield the clips of some datasets, each once, named as an export to a folder names them.

    Clips of forgotten recordings are left out, and counted in the report; others than the likely
    ones, if those are wanted, are left out as well.

    Yields
    ------
    Clip, its samples int16 [n], and where its parents' sound is found.
    """
    recordings = Catalog(store.storage).recordings()
    names = ClipNames(folder)
    found = (
        (replace(clip, file=names.name_of(clip)), samples, segments)
        for dataset, wanted in [
            (one, None if likely is None else likely.of(one)) for one in datasets
        ]
        for clip, samples, segments in _clips(store, dataset, lineage_of, recordings)
        if wanted is None or clip.clip_id in wanted
    )
    return _without_forgotten(_once(found), recordings.forgotten, folder, report)


def _without_forgotten(
    clips: Iterable[_Found], forgotten: Container[str], folder: Path, report: Exported
) -> Iterator[_Found]:
    withdrawn: dict[str, bool] = {}
    for clip, samples, segments in clips:
        behind = clip.trained_on
        if behind is not None and behind.digest not in withdrawn:
            withdrawn[behind.digest] = any(file_id in forgotten for file_id in behind.ids)
        learned = behind is not None and withdrawn[behind.digest]
        if not learned and not any(parent.file_id in forgotten for parent in clip.parents):
            yield clip, samples, segments
            continue
        report.left_out += 1
        report.unlisted.pop(clip.clip_id, None)
        if (folder / clip.file).exists():
            report.stale.append(clip.file)


def _once(clips: Iterator[_Found]) -> Iterator[_Found]:
    """Leave out a clip that another dataset has too: one id is one piece of work."""
    seen: set[str] = set()
    for found in clips:
        if found[0].clip_id not in seen:
            seen.add(found[0].clip_id)
            yield found


def _write(clip: Clip, samples: npt.NDArray[np.int16], folder: Path, report: Exported) -> Clip:
    path = folder / clip.file
    if not _holds(path, samples):
        # libsndfile calls whatever its own writes meet a "System error"; Python names a full disk.
        wav = io.BytesIO()
        soundfile.write(wav, samples, clip.sample_rate, format="WAV", subtype="PCM_16")
        with naming(path), replacing(path) as part:
            part.write_bytes(wav.getbuffer())
        report.written += 1
    report.clips += 1
    report.unlisted.pop(clip.clip_id, None)
    report.seconds += clip.seconds
    report.verdicts[clip.verdict] = report.verdicts.get(clip.verdict, 0) + 1
    return clip


def _holds(path: Path, samples: npt.NDArray[np.int16]) -> bool:
    """Whether a file holds a sound, to the sample."""
    try:
        there, _ = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.LibsndfileError):
        return False
    return np.array_equal(there, samples)


def _clips(
    store: Store, dataset: Dataset, lineage_of: LineageOf, recordings: Recordings
) -> Iterator[_Found]:
    rule = lineage_of(dataset)
    if isinstance(rule, Corpus):
        yield from _generated(store, dataset, rule, recordings)
        return
    if not isinstance(rule, Link):
        raise UsageError(f"{dataset.path}: clips of this kind cannot be exported by this release")
    mashups = upstream_of(store, dataset, rule.dataset)
    segments = Segments.behind(store, mashups)
    origins = Origins(segments)
    committed = dataset.committed()
    checked: set[int] = set()
    for shard in dataset.shards():
        if shard.number in committed:
            dataset.check(shard.number)
            read = {rows.shard for item in shard.items for rows in item.rows}
            for number in read - checked:
                mashups.check(number)
            checked |= read
            table = dataset.read(shard.number)
            mashed = _mashed(mashups, rule, shard)
            for row, samples in zip(
                table.drop_columns(["samples"]).to_pylist(),
                vectors(table.column("samples")),
                strict=True,
            ):
                mash = mashed[row[rule.column]]
                yield _clip(row, samples, mash, dataset, recordings, origins), samples, segments


def _generated(
    store: Store, dataset: Dataset, rule: Corpus, recordings: Recordings
) -> Iterator[_Found]:
    """Yield the clips of a model alone.

    They are derived from all that it was trained on, and from what they go on from.
    """
    settings = dataset.settings
    behind = load_corpus(store.storage, str(settings[rule.setting]))
    made_with = {name: str(settings[name]) for name in MODEL_FACTS}
    heat = np.atleast_1d(np.asarray(settings["temperature"], np.float64))
    sound: CorpusSound | None = None
    segments = Segments.of_primes(store, dataset)
    for number in sorted(dataset.committed()):
        dataset.check(number)
        table = dataset.read(number)
        for row, samples in zip(
            table.drop_columns(["samples"]).to_pylist(),
            vectors(table.column("samples")),
            strict=True,
        ):
            if sound is None:
                sound = CorpusSound(store, behind, row["sample_rate"])
            origin = sound.origin(samples)
            word, reason = verdict(Measures(**row["measures"]), origin, behind)
            clip = Clip(
                clip_id=row["clip_id"],
                file="",
                sample_rate=row["sample_rate"],
                samples=len(samples),
                seconds=len(samples) / row["sample_rate"],
                seed=cast(int, settings["seed"]),
                # Of one that moves, the mean.
                temperature=float(heat.mean()),
                measures=row["measures"],
                verdict=word,
                verdict_reason=reason,
                parents=_prime(row, recordings),
                made_with=made_with,
                trained_on=behind,
                origin=_rounded(origin),
                nll=row.get("nll"),
            )
            yield clip, samples, segments


def _mashed(mashups: Dataset, rule: Link, shard: Shard) -> dict[str, dict[str, Any]]:
    ranges = [rows for item in shard.items for rows in item.rows]
    table: pa.Table = mashups.read_rows(ranges, [rule.column, *WEIGHT_COLUMNS])
    return {row[rule.column]: row for row in table.to_pylist()}


def _clip(
    row: Mapping[str, Any],
    samples: npt.NDArray[np.int16],
    mash: Mapping[str, Any],
    dataset: Dataset,
    recordings: Recordings,
    origins: Origins,
) -> Clip:
    settings = dataset.settings
    measures: dict[str, float] = row["measures"]
    parents = parents_of_row(mash)
    origin = origins.of(samples, row["sample_rate"], parents)
    word, reason = verdict(Measures(**measures), origin)
    return Clip(
        clip_id=row["clip_id"],
        file="",
        sample_rate=row["sample_rate"],
        samples=len(samples),
        seconds=len(samples) / row["sample_rate"],
        mash_id=row["mash_id"],
        seed=cast(int, settings["seed"]),
        temperature=cast(float, settings["temperature"]),
        measures=measures,
        verdict=word,
        verdict_reason=reason,
        parents=tuple(_parent(parent, recordings) for parent in parents),
        made_with={name: str(settings[name]) for name in MODEL_FACTS},
        origin=_rounded(origin),
    )


def _rounded(origin: Origin) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in origin.to_json().items()}


def _prime(row: Mapping[str, Any], recordings: Recordings) -> tuple[Parent, ...]:
    """Return the recording that a generated clip goes on from, if any."""
    if not row.get("prime"):
        return ()
    return (_parent(WeightedParent(**row["prime"], weights=np.empty(0)), recordings),)


def _parent(parent: WeightedParent, recordings: Recordings) -> Parent:
    """Return a recording behind a clip; without weights, behind the whole clip."""
    recording = recordings.get(parent.file_id)
    return Parent(
        file_id=parent.file_id,
        segment=parent.segment,
        start_seconds=parent.start_seconds,
        rights=Rights() if recording is None else recording.rights(),
        categories=() if recording is None else recording.categories,
        weights=tuple(round(float(part), _DECIMALS) for part in parent.weights),
    )
