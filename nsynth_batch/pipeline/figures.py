"""What is drawn of a store or a model: sources against outputs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.model import Generator, LoadedModel
from nsynth_batch.pipeline.steps import lineage_of
from nsynth_batch.store.clip_export import Exported, clips_of
from nsynth_batch.store.clip_names import slug
from nsynth_batch.store.segments import Segments
from nsynth_batch.text import command_line
from nsynth_batch.training import listening
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fidelity import reconstructed
from nsynth_batch.training.generation import SECONDS, TEMPERATURES
from nsynth_batch.training.stretches import Audio, Sound, stretches
from sequencer.audio.samples import from_int16
from sequencer.clips.clips import Clip
from sequencer.text import flattened

_MOST_POINTS = 5
"""Listening points in a figure."""

_SHORTEST = 256
"""Samples: the length of a source is a multiple of it."""


@dataclass(frozen=True)
class Figure:
    """Sounds to draw below each other, sources first.

    Attributes
    ----------
    name : str
        Of its file, without a suffix.
    rows : sequence of (title, float32 [n])
    sample_rate : int
        Of all of them, in Hz.
    """

    name: str
    rows: Sequence[Sound]
    sample_rate: int


def figures_of_store(store: Store, folder: Path, most: int) -> Iterator[Figure]:
    """Yield the first clips of each producer of a store, below what they came from.

    A clip that was decoded stands below the segments that were cross-faded, one that was generated
    below its prime, if it has one. What the store holds no more is left out.

    Parameters
    ----------
    store : Store
    folder : Path
        Where the figures go.
    most : int
        Clips of each producer.

    Raises
    ------
    UsageError
        If the store has no clips.
    """
    datasets = [dataset for dataset in store.current("clips") if dataset.committed()]
    if not datasets:
        raise UsageError(
            f"{store.url} has no clips yet: run {command_line('run', store.url)} first"
        )
    report = Exported(0, 0, 0.0, {})
    for dataset in datasets:
        found = clips_of(store, [dataset], lineage_of, folder, report)
        for clip, samples, segments in islice(found, most):
            rows = _sources(clip, segments, dataset)
            rows.append((f"{clip.clip_id}: {clip.verdict}", from_int16(samples)))
            yield Figure(Path(clip.file).stem, rows, clip.sample_rate)


def figures_of_points(url: str, sample_rate: int, *, encodes: bool) -> list[Figure]:
    """Return what a training played at its listening points: one figure a sound.

    Parameters
    ----------
    url : str
        The training's folder.
    sample_rate : int
        The model's.
    encodes : bool
        Whether each sound file holds a source and what came out, and not that alone.

    Returns
    -------
    list of Figure
        None where there is no listening point. Of many points some are taken, the last among them.
    """
    storage = open_storage(url)
    points = sorted(e.name for e in storage.list(listening.FOLDER) if e.is_dir)
    if not points:
        return []
    kept = [points[i] for i in sorted({*np.linspace(0, len(points) - 1, _MOST_POINTS).astype(int)})]
    last = f"{listening.FOLDER}/{points[-1]}"
    names = sorted(e.name for e in storage.list(last) if e.name.endswith(".wav"))
    figures = []
    for name in names:
        rows: list[Sound] = []
        for point in kept:
            sound = _read_wav(storage, f"{listening.FOLDER}/{point}/{name}")
            if sound is None:
                continue
            source, output = _halves(sound, sample_rate) if encodes else (None, sound)
            if source is not None and not rows:
                rows.append(("source", source))
            rows.append((f"{point.replace('-', ' ')}", output))
        figures.append(Figure(name.removesuffix(".wav"), rows, sample_rate))
    return figures


def figures_of_model(model: LoadedModel, folder: Path | None) -> Iterator[Figure]:
    """Yield what a model makes: reconstructions, or clips at some temperatures.

    Parameters
    ----------
    model : LoadedModel
    folder : Path or None
        Recordings to decode again, or to draw beside the clips; of an autoencoder the bundled ones
        by default.

    Raises
    ------
    UsageError
        If the folder holds no usable recording.
    """
    rate = model.sample_rate
    sounds = [] if folder is None else _sounds(folder, rate, model.hop)
    if isinstance(model, Autoencoder):
        bundled = Path(__file__).parents[1] / "recordings"
        sounds = sounds or _sounds(bundled, rate, model.hop)
        for number, (title, source) in enumerate(sounds, 1):
            [output] = reconstructed(model, [(title, source)])
            rows = [(f"{title}: source", source), ("decoded from its encoding", output)]
            yield Figure(f"{number}-{slug(title)}", rows, rate)
        return
    if not isinstance(model, Generator):
        raise UsageError(f"a model of the family {model.family} makes no sound to draw")
    heats = TEMPERATURES if model.has_temperature else (1.0,)
    clips = [
        (f"temperature {heat:g}", model.generate(SECONDS, ["figure"], temperature=heat)[0])
        for heat in heats
    ]
    yield Figure("generated", [*sounds[:1], *clips], rate)


def _sources(clip: Clip, segments: Segments, dataset: Dataset) -> list[Sound]:
    """Return the sound of a clip's parents: of a prime as much as the clip went on from."""
    rows = []
    primed = dataset.settings.get("prime_samples")
    for parent in clip.parents:
        source = segments.samples(parent.file_id, parent.segment)
        if source is not None:
            title = parent.rights.title or parent.file_id
            start = 0
            if primed is not None and segments.audio is not None:
                length = int(str(segments.audio.settings["segment_samples"]))
                begins = round(parent.start_seconds * clip.sample_rate)
                start, title = begins - parent.segment * length, f"{title}: prime"
                source = source[start : start + int(str(primed))]
            rows.append((title, from_int16(source)))
    return rows


def _read_wav(storage: Storage, path: str) -> Audio | None:
    try:
        data = storage.read_bytes(path)
    except FileNotFoundError:
        return None
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    return np.asarray(samples)


def _halves(sound: Audio, sample_rate: int) -> tuple[Audio, Audio]:
    """Return source and output of a file that has both, half a second of silence between them."""
    length = (len(sound) - sample_rate // 2) // 2
    return sound[:length], sound[len(sound) - length :]


def _sounds(folder: Path, sample_rate: int, hop: int) -> list[Sound]:
    sounds = stretches(Corpus.from_folder(folder, sample_rate), max(hop, _SHORTEST))
    if not sounds:
        raise UsageError(f"{folder}: no usable recording of {max(hop, _SHORTEST)} samples or more")
    return [(flattened(re.sub(r"\.\w+$", "", name)), samples) for name, samples in sounds]
