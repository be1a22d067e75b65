"""The step `mash`: random pairs of encodings, or three or four of them, to mash-ups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange, Shards, group
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.themes import load_themes
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import mix_bytes
from nsynth_batch.pipeline.encode import EncodeStep
from nsynth_batch.pipeline.pairs import Pair, PoolSegment, draw_pairs, require_pairs
from nsynth_batch.pipeline.pool import Pool, Shortest, load_pool, pool_path, save_pool, take_pool
from nsynth_batch.pipeline.sharding import per_shard, shards_of, title_of, uncommitted
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of, seconds_a_row
from nsynth_batch.stages.mash import MashStage
from nsynth_batch.store.lineage import Columns
from sequencer.text import counted

MOST_PAIRS = 512
"""The most mash-ups a shard holds."""

PARTS = 2
"""Into how many shards a few mash-ups are cut: they take no time."""

_RATE = 2000.0


class MashStep(Step):
    """Cross-fade random pairs of encodings."""

    dataset = "mashups"
    command = "mash"
    reads = (EncodeStep.dataset,)
    unit = "pairs"
    time_limit = 300.0
    source = EncodeStep.lineage
    lineage = Columns(("a.file_id", "b.file_id", "parents.file_id"))

    def plan(self, context: Context) -> PlannedStep | None:
        """Plan the pairs of the seed that are in no shard yet."""
        encodings = context.current(EncodeStep.dataset)
        if encodings is None:
            return None
        given = context.settings
        seed, categories = given.seed or 0, given.categories
        dataset = context.dataset(self.dataset, _settings(context, encodings))
        kept, shards = load_pool(dataset), dataset.shards()
        if kept is None and len(shards):
            raise UsageError(
                f"the pool that pairs of seed {seed} are drawn over is missing: restore "
                f"{context.store.url}/{pool_path(dataset)}, or use another --seed"
            )
        if kept is None and EncodeStep.dataset in context.incomplete:
            return None
        pool = kept or _new_pool(context, encodings)
        each = given.mash_rule().mashups_a_draw
        draw = partial(
            _repeated, each, pool.segments, given.pairs // each, seed, categories, given.parents
        )
        pairs, done = draw(), shards.count_items()
        left = max(0, given.pairs - done)
        size = per_shard(left, MOST_PAIRS, PARTS)
        if context.dry_run:
            # How many shards there would be is known without drawing what is in them.
            new = Shards(
                -(-left // size),
                lambda: group(mash_items(draw(), done), set(), len(shards), size),
            )
        else:
            if kept is None:
                save_pool(dataset, pool)
            new = dataset.plan(mash_items(pairs), size)
        notes = [*uncommitted(encodings, EncodeStep.command)]
        notes += _left_out(context, encodings, pool)
        if done > given.pairs:
            notes.append(
                f"of this seed {counted(done, 'mash-up')} already there: --pairs {given.pairs} is "
                "their total, and removes none"
            )
        return PlannedStep(
            self,
            dataset,
            _stage(context, encodings),
            encodings,
            new,
            notes=tuple(notes),
            short_recordings=tuple(
                title_of(file_id, context.recordings.get(file_id))
                for file_id in pool.short_recordings
            ),
            allow_unknown=given.allow_unknown,
        )

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do once `incoming` segments more are encoded."""
        given = context.settings
        slowest = max(given.mash_rule().stretch, default=1.0)
        longest = [given.segment_seconds]
        if planned is None:
            pairs, shards = given.pairs, shards_of(given.pairs, MOST_PAIRS, PARTS)
            if incoming.rows:
                longest.append(incoming.seconds / incoming.rows)
        else:
            pending, new = left_of(planned)
            planned_pairs = planned.dataset.shards().count_items()
            waiting = sum(len(shard.items) for shard in pending)
            pairs = waiting + max(0, given.pairs - planned_pairs)
            shards = len(pending) + len(new)
            if seconds := seconds_a_row(planned):
                longest.append(seconds)
        return Expected(shards, Amount(0, pairs, pairs * slowest * min(longest)))

    def check(self, context: Context, offered: Sequence[Sequence[str]] = ()) -> None:
        """Refuse pairs of which the catalog has not even the recordings.

        Raises
        ------
        UsageError
            If a pair needs other recordings than there are, before any of them is worked on; or
            as `Settings.mash_rule`.
        """
        given = context.settings
        given.mash_rule()
        seed_and_pair = (given.seed or 0, _pair(context))
        for dataset in context.datasets(self.dataset):
            if (dataset.settings.get("seed"), dataset.settings.get("pair")) == seed_and_pair:
                # Its pairs are drawn over the pool that is kept for it.
                return
        if not context.recordings and not offered:
            return
        themes = load_themes(given.themes)
        known = (
            (row.file_id, themes.with_themes(row.categories))
            for row in context.recordings.current()
            if row.usable or given.allow_unknown
        )
        coming = ((f"offered {n}", themes.with_themes(c)) for n, c in enumerate(offered))
        require_pairs(chain(known, coming), given.categories, given.parents)

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker mashes up, by rule of thumb."""
        return _RATE

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of the encoding of a second, and its mix."""
        return mix_bytes(context.models.encoder)


def mash_items(pairs: Iterable[Pair], first: int = 0) -> Iterator[Item]:
    """Yield an item a pair from pair `first` on; pair k is the k-th."""
    for k, pair in islice(enumerate(pairs), first, None):
        yield Item(
            key=":".join([str(k), *(f"{s.file_id}.{s.segment}" for s in pair)]),
            title=f"pair {k}",
            rows=tuple(RowRange(s.shard, s.row, s.row + 1) for s in pair),
            extra={"pair": k},
            counts_as=1,
        )


def _repeated(
    times: int,
    pool: Sequence[PoolSegment],
    count: int,
    seed: int,
    categories: Sequence[str] | None,
    parents: int,
) -> Iterator[Pair]:
    """Return pairs that are drawn as `draw_pairs` does, each so many times in a row."""
    drawn = draw_pairs(pool, count, seed, categories, parents)
    return chain.from_iterable(map(repeat, drawn, repeat(times)))


def _pair(context: Context) -> list[Json] | None:
    categories = context.settings.categories
    return list(categories) if categories else None


def _settings(context: Context, encodings: Dataset) -> dict[str, Json]:
    given, rule = context.settings, context.settings.mash_rule()
    settings: dict[str, Json] = {
        EncodeStep.dataset: encodings.digest,
        "seed": given.seed or 0,
        "curve": rule.curve,
        "pair": _pair(context),
        "allow_unknown": given.allow_unknown,
    }
    if given.categories and given.themes:
        settings["themes"] = load_themes(given.themes).digest
    if given.length != "shorter":
        settings["length"] = given.length
    if given.parents != 2:
        settings["parents"] = given.parents
    if rule.weights is not None:
        settings["weights"] = [list(ends) for ends in rule.weights.to_json()]
    if rule.grid is not None:
        settings["grid"] = rule.grid
    if rule.stretch:
        settings["stretch"] = list(rule.stretch)
    if given.min_seconds is not None and not _of_an_earlier_release(context, settings):
        settings["min_seconds"] = given.min_seconds
    return settings


def _of_an_earlier_release(context: Context, settings: dict[str, Json]) -> bool:
    """Whether a seed's pool is one of a release that left no segments out by their length.

    What a seed began with it goes on with: the flag was one of harvests alone then.
    """
    pool = load_pool(context.store.dataset(MashStep.dataset, settings))
    return pool is not None and pool.least_seconds is None


def _stage(context: Context, encodings: Dataset) -> MashStage:
    audio = context.upstream_of(encodings, AudioStep.dataset)
    return MashStage(
        encodings=encodings.digest,
        seed=context.settings.seed or 0,
        rule=context.settings.mash_rule(),
        segment_samples=cast(int, audio.settings["segment_samples"]),
        hop=cast(int, encodings.settings["hop"]),
        sample_rate=cast(int, audio.settings["sample_rate"]),
        parents=context.settings.parents,
    )


def _new_pool(context: Context, encodings: Dataset) -> Pool:
    if missing := uncommitted(encodings, EncodeStep.command):
        raise UsageError(f"{missing[0]}; a seed's pool is taken once, so do that first")
    pool = take_pool(
        encodings,
        context.recordings,
        allow_unknown=context.settings.allow_unknown,
        themes=load_themes(context.settings.themes),
        shortest=_shortest(context, encodings),
    )
    left = len({segment.file_id for segment in pool.segments})
    needed = context.settings.parents
    if context.settings.min_seconds and pool.too_short and left < needed:
        count = "two" if needed == 2 else str(needed)
        raise UsageError(
            f"--min-seconds {context.settings.min_seconds:g} leaves segments of {left} recordings, "
            f"and a mash-up needs {count} different ones: give less"
        )
    return pool


def _shortest(context: Context, encodings: Dataset) -> Shortest:
    audio = context.upstream_of(encodings, AudioStep.dataset)
    hop = cast(int, encodings.settings["hop"])
    return Shortest(
        context.settings.min_seconds,
        hop / cast(int, audio.settings["sample_rate"]),
        context.settings.categories,
    )


def _left_out(context: Context, encodings: Dataset, pool: Pool) -> Iterator[str]:
    """Yield a note for each kind of segment that no pair of this seed can hold."""
    unknown = sum(not recording.deleted for recording in context.recordings.withheld())
    if unknown and not context.settings.allow_unknown:
        yield (
            f"left out: {counted(unknown, 'recording')} from a wiki with no known licence; "
            "--allow-unknown takes what has none"
        )
    if pool.too_short and pool.least_seconds:
        yield (
            f"in no pair: {counted(pool.too_short, 'segment')} shorter than "
            f"{pool.least_seconds:g} s; --min-seconds 0 takes all in"
        )
    if pool.least_seconds is None and context.settings.min_seconds is not None:
        yield (
            "--min-seconds leaves no segment out of the pairs of this seed, which an earlier "
            "release drew: another --seed does"
        )
    late = encodings.totals().rows - pool.encoded_rows
    if late > 0:
        yield (
            f"encoded after the pool of this seed was drawn: {counted(late, 'segment')}; another "
            "--seed mashes them up too"
        )
