"""`harvest`, `shard`, `encode`, `mash`, `decode`, and `run` for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import (
    AUDIO,
    DECODING,
    HARVESTING,
    LEASE,
    MASHING,
    METRICS,
    MODEL,
    RUNNING,
    STORE,
    DryRun,
    settings_from,
)
from nsynth_batch.errors import OK
from nsynth_batch.pipeline.harvest import harvest_source, show_harvest, verdict
from nsynth_batch.pipeline.run import begun, run_stages, show_plan
from nsynth_batch.store.layout import DATASETS

if TYPE_CHECKING:
    from nsynth_batch.settings import Settings

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A folder, commons:Category:NAME or urls:PATH, as told above."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (harvest, shard, encode, mash, decode, run):
        app.command()(command)


@settings_from(*STORE, *HARVESTING, *LEASE, "retries", "max_bad_fraction", "log_format", *METRICS)
def harvest(settings: Settings, source: Source, dry_run: DryRun = False) -> int:
    """Take recordings into the store.

    They are copied, but for those on HDFS, which are read in place. Their rights come along, and
    the store is made if there is none. Content that the store has is not copied again; other
    files are counted and left alone.

    SOURCE is a folder of recordings, a sources.csv beside them gives rights;
    commons:Category:NAME, commons:Search:WORDS, commons:File:NAME or commons:List:PATH (a title
    a line) of Wikimedia Commons; or urls:PATH, a sources.csv with a column url. The web needs
    --contact.

    Example: nsynth-batch harvest ~/recordings --store my-store
    """
    if dry_run:
        show_harvest(settings, source)
        return OK
    with begun(settings, [], source) as run:
        done = harvest_source(settings, source, run.writer, run.progress, run.drain)
        if done.drained:
            return run.drain.exit_code
        if problem := verdict(settings, done):
            raise problem
    return OK


@settings_from(*STORE, *AUDIO, *RUNNING)
def shard(settings: Settings, dry_run: DryRun = False) -> int:
    """Cut recordings into segments.

    Segments are 16 kHz mono, in Parquet shards.

    Example: nsynth-batch shard --store my-store --segment-seconds 6.24
    """
    return _do(settings, "audio", dry_run)


@settings_from(*STORE, *MODEL, *RUNNING)
def encode(settings: Settings, dry_run: DryRun = False) -> int:
    """Encode segments.

    Example: nsynth-batch encode --store my-store --checkpoint small
    """
    return _do(settings, "encodings", dry_run)


@settings_from(*STORE, *MASHING, *RUNNING)
def mash(settings: Settings, dry_run: DryRun = False) -> int:
    """Cross-fade random pairs of encodings.

    A pair is of two different recordings. Pairs of a seed are drawn over what is encoded when
    it is first used, and asking for more leaves those there are as they are.

    Example: nsynth-batch mash --store my-store --pairs 200 --seed 7 --pair nature:music
    """
    return _do(settings, "mashups", dry_run)


@settings_from(*STORE, *MODEL, "seed", *DECODING, *RUNNING)
def decode(settings: Settings, dry_run: DryRun = False) -> int:
    """Decode mash-ups to clips.

    This is what takes time.

    Example: nsynth-batch decode --store my-store --temperature 0.9
    """
    return _do(settings, "clips", dry_run)


@settings_from(*STORE, *HARVESTING, *MODEL, *AUDIO, *MASHING, *DECODING, *RUNNING)
def run(
    settings: Settings,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help="Harvested first, as by harvest."),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Do all of it, SOURCE to clips.

    Harvests SOURCE if one is given; then shard, encode, mash and decode. Run it again to go on
    where it stopped, to take in new recordings, or with more --pairs.

    Example: nsynth-batch run ~/recordings --store my-store --pairs 64 --seed 7
    """
    act = show_plan if dry_run else run_stages
    return act(settings, DATASETS, source)


def _do(settings: Settings, name: str, dry_run: bool) -> int:
    act = show_plan if dry_run else run_stages
    return act(settings, [name])
