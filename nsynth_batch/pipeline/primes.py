"""What clips go on from: segments of the store's recordings, drawn by seed and number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.themes import load_themes
from nsynth_batch.models.draws import Draws
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.pipeline.pool import Pool, load_pool, pool_path, save_pool
from nsynth_batch.pipeline.sharding import title_of
from nsynth_batch.store.forget import find
from nsynth_batch.text import command_line
from sequencer.text import counted

PRIME_SECONDS = 2.0
"""How much a clip goes on from where nothing else is asked for."""

DrawPrime = Callable[[int], PoolSegment]
"""Returns the segment that the clip of a number goes on from."""


@dataclass(frozen=True)
class PrimeWanted:
    """What clips are asked to go on from.

    Attributes
    ----------
    name
        A recording, as `nsynth_batch.store.forget.find` finds it, or else a category or theme.
    seconds
        How much of it.
    """

    name: str
    seconds: float = PRIME_SECONDS


@dataclass(frozen=True)
class Primes:
    """The recordings that were meant, and what clips that go on from them depend on.

    Attributes
    ----------
    audio
        The segments of the store.
    samples
        How many a clip goes on from.
    settings
        What a dataset of such clips has beside other settings.
    """

    wanted: PrimeWanted
    recordings: tuple[Recording, ...]
    audio: Dataset
    samples: int
    settings: Mapping[str, Json]

    def pool(self, context: Context, clips: Dataset) -> Pool:
        """Return the segments that primes are drawn over: those that were kept with the clips.

        They are kept with the first plan, so that clip k goes on from the same segment whatever
        comes into the store.

        Raises
        ------
        UsageError
            If no segment is as long as asked for, or the pool of planned clips is missing.
        """
        kept = load_pool(clips)
        if kept is not None:
            return kept
        if len(clips.shards()):
            raise UsageError(
                f"the pool that primes of these clips are drawn over is missing: restore "
                f"{context.store.url}/{pool_path(clips)}, or use another --seed"
            )
        pool = self._new_pool()
        if not context.dry_run:
            save_pool(clips, pool)
        return pool

    def _new_pool(self) -> Pool:
        settings = self.audio.settings
        sample_rate, length, hop = (
            cast(int, settings[name]) for name in ("sample_rate", "segment_samples", "hop")
        )
        durations = {row.file_id: row.duration for row in self.recordings}
        cut = sorted(_segments(self.audio, durations))
        if not cut:
            raise UsageError(
                f"--prime {self.wanted.name}: none of it is cut to segments yet: run "
                f"{command_line(AudioStep.command, self.audio.storage.url)} first"
            )
        last = {file_id: segment for file_id, segment, _, _ in cut}
        found = []
        for file_id, segment, shard, row in cut:
            duration = durations[file_id]
            samples = length
            if segment == last[file_id] and duration is not None:
                samples = min(length, int(duration * sample_rate) - segment * length) // hop * hop
            if samples >= self.samples:
                found.append(PoolSegment(file_id, segment, shard, row, samples // hop))
        if not found:
            longest = max(durations[file_id] or 0.0 for file_id in last)
            raise UsageError(
                f"--prime {self.wanted.name}: its segments are shorter than --prime-seconds "
                f"{self.wanted.seconds:g} (its longest recording has {longest:.2f} s): ask for less"
            )
        return Pool(tuple(found), len(cut), self.wanted.seconds, len(cut) - len(found))

    def note(self, pool: Pool) -> str:
        """Return a line on what clips are begun from."""
        recordings = len({segment.file_id for segment in pool.segments})
        line = f"clips go on from {counted(recordings, 'recording')} of {self.wanted.name}"
        if recordings == 1:
            title = title_of(pool.segments[0].file_id, self._named(pool.segments[0].file_id))
            line = f"clips go on from {title}"
        if not pool.too_short:
            return line
        return (
            f"{line}; {counted(pool.too_short, 'segment')} shorter than {self.wanted.seconds:g} s"
        )

    def _named(self, file_id: str) -> Recording | None:
        return next((row for row in self.recordings if row.file_id == file_id), None)


def find_primes(context: Context, wanted: PrimeWanted, sample_rate: int) -> Primes:
    """Find the recordings that clips are to go on from.

    Parameters
    ----------
    context : Context
        What may be asked.
    wanted : PrimeWanted
    sample_rate : int
        Of the model, in Hz.

    Raises
    ------
    UsageError
        If no recording is meant, or it may not be used, or the store's segments are missing, of
        another rate, or shorter than asked for.
    """
    url = context.settings.store
    audio = context.current(AudioStep.dataset)
    if audio is None:
        raise UsageError(
            f"--prime {wanted.name}: {url} has no {AudioStep.dataset} yet: run "
            f"{command_line('shard', url)} first"
        )
    rate, length = (cast(int, audio.settings[name]) for name in ("sample_rate", "segment_samples"))
    if rate != sample_rate:
        raise UsageError(
            f"--prime {wanted.name}: the model reads audio of {sample_rate} Hz, and the store's "
            f"segments are of {rate} Hz: cut them with --sample-rate {sample_rate}"
        )
    samples = round(wanted.seconds * rate)
    if not 1 <= samples <= length:
        raise UsageError(
            f"--prime-seconds {wanted.seconds:g}: the store's segments have {length / rate:g} s: "
            "ask for less, or cut longer ones with --segment-seconds"
        )
    meant, rows = _meant(context, wanted.name)
    settings: dict[str, Json] = {
        AudioStep.dataset: audio.digest,
        "prime": meant,
        "prime_samples": samples,
    }
    if context.settings.allow_unknown:
        settings["allow_unknown"] = True
    if context.settings.themes and "category" in meant:
        settings["themes"] = load_themes(context.settings.themes).digest
    return Primes(wanted, tuple(rows), audio, samples, settings)


def drawn_by(pool: Pool, seed: int) -> DrawPrime:
    """Return what draws the prime of a clip by its number.

    The recording is drawn first and a segment of it then, so that a long recording is drawn no
    more often than a short one.
    """
    grouped: dict[str, list[PoolSegment]] = {}
    for segment in pool.segments:
        grouped.setdefault(segment.file_id, []).append(segment)
    recordings = [grouped[file_id] for file_id in sorted(grouped)]

    def draw(number: int) -> PoolSegment:
        which, part = Draws(seed, f"prime {number}").uniform(0, 2).tolist()
        segments = recordings[int(which * len(recordings))]
        return segments[int(part * len(segments))]

    return draw


def _segments(audio: Dataset, wanted: Mapping[str, object]) -> Iterator[tuple[str, int, int, int]]:
    """Yield file id, number, shard and row of each segment of some recordings."""
    for shard, table in audio.tables(["file_id", "segment"]):
        columns = (table.column(name).to_pylist() for name in ("file_id", "segment"))
        for row, (file_id, segment) in enumerate(zip(*columns, strict=True)):
            if file_id in wanted:
                yield file_id, segment, shard, row


def _meant(context: Context, name: str) -> tuple[dict[str, Json], Sequence[Recording]]:
    """Return what a dataset's settings call some recordings, and those of them to be used."""
    withheld = context.withheld(allow_unknown=context.settings.allow_unknown)
    try:
        found = find(context.recordings, [name])
    except UsageError as error:
        themes, word = load_themes(context.settings.themes), name.casefold()
        rows = [
            row
            for row in context.recordings.current()
            if word in {category.casefold() for category in themes.with_themes(row.categories)}
            and row.file_id not in withheld
        ]
        if not rows:
            raise UsageError(f"--prime {error}; no category has this name either") from None
        return {"category": word}, rows
    usable = [row for row in found if row.file_id not in withheld]
    if not usable:
        raise UsageError(f"--prime {name}: {withheld[found[0].file_id].detail}")
    return {"recordings": [*sorted(row.file_id for row in usable)]}, usable
