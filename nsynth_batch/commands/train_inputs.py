"""What `train` begins with: a family and its sizes, a model, recordings and whose they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsynth_batch.errors import USAGE, CommandError

if TYPE_CHECKING:
    from nsynth_batch.models.family import Family
    from nsynth_batch.models.weights import Weights
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from sequencer.rights.sources_csv import SourceRow

TrimSilence = Annotated[
    float | None,
    typer.Option(
        "--trim-silence",
        min=-120,
        max=0,
        metavar="DB",
        help="Leave out what is quieter at both ends of recordings, as -60 (of full scale), and "
        "print how much of which. [default: nothing]",
        show_default=False,
    ),
]

_HELD_OUT = 0.1
"""Which share of the recordings is held out where nothing else is asked for."""

_NAMED = 20
"""Of how many recordings the silence that was left out is printed one by one."""


@dataclass(frozen=True)
class Inputs:
    """What a training begins with.

    Attributes
    ----------
    family, config
        What kind of model, and its sizes.
    initial : Weights or None
        The model that it begins with.
    to_train, to_score : Corpus
        What is learned, and what is held out.
    metadata : mapping of str to str
        What the model's file says of its making: the recordings that it rests on.
    """

    family: Family[Any]
    config: Any
    initial: Weights[Any] | None
    to_train: Corpus
    to_score: Corpus
    metadata: Mapping[str, str]


def inputs_of(
    settings: Settings,
    out: str,
    folder: Path | None,
    *,
    family_name: str,
    preset: str | None,
    sizes: Sequence[str] = (),
    init: str | None,
    seed: int,
    quantiser: str | None,
    head: str | None = None,
    past: str | None = None,
    held_out: str | None,
    trim_silence: float | None = None,
) -> Inputs:
    """Return what a training begins with; the parameters are those of `train`.

    Raises
    ------
    CommandError
        If flags do not go together, or there is nothing to learn.
    """
    from nsynth_batch.models.model import TRAINED_ON
    from nsynth_batch.pipeline.trained_on import learned_before, saved_model, united

    family, config, initial = _sizes(family_name, preset, sizes, init, seed)
    if initial is None:
        config = replace(config, sample_rate=_sample_rate(settings, folder, config.sample_rate))
    to_train, to_score = _held_out(
        _corpus(settings, folder, config.sample_rate), held_out or ("0" if init else None)
    )
    if not to_train.seconds:
        raise CommandError(
            "nothing to train on: give more recordings or a smaller --held-out", USAGE
        )
    if to_train.silent:
        raise CommandError("nothing to train on: the recordings hold nothing but silence", USAGE)
    if trim_silence is not None:
        to_train, to_score = (_trimmed(corpus, trim_silence) for corpus in (to_train, to_score))
        if not to_train.seconds:
            raise CommandError(
                f"nothing to train on: all is quieter than --trim-silence {trim_silence:g}", USAGE
            )
    saved = saved_model(out)
    config = _with_choices(family, config, {"head": head, "past": past}, initial)
    config = _with_quantiser(family, config, quantiser, initial, saved, to_train)
    rows = [*_rows(settings, folder, to_train), *learned_before([initial, saved])]
    metadata = {TRAINED_ON: united(rows).text}
    return Inputs(family, config, initial, to_train, to_score, metadata)


def _sizes(
    family_name: str, preset: str | None, sizes: Sequence[str], init: str | None, seed: int
) -> tuple[Family[Any], Any, Weights[Any] | None]:
    """Return the family, the sizes, and the model to begin with."""
    from nsynth_batch.models.checkpoint import load_checkpoint
    from nsynth_batch.models.family import FittedFamily, family_named, resized

    family = family_named(family_name)
    initial = None
    if init is not None:
        if preset is not None:
            raise CommandError("--preset does not go with --init, whose sizes are taken", USAGE)
        initial = load_checkpoint(init)
        if initial.family != family_name:
            raise CommandError(f"--init {init}: is of the family {initial.family}", USAGE)
        if isinstance(family, FittedFamily):
            initial = family.unfitted(initial)
    preset = preset or "small"
    if initial is None and preset not in family.presets:
        raise CommandError(f"--preset {preset}: choose one of {', '.join(family.presets)}", USAGE)
    begins = family.presets[preset] if initial is None else initial.config
    try:
        config = _with_sizes(family, begins, sizes)
    except (ValueError, TypeError) as error:
        raise CommandError(f"--size {' '.join(sizes)}: {error}", USAGE) from None
    if initial is not None and sizes:
        initial = resized(initial, config, seed)
    return family, config, initial


def _with_sizes(family: Family[Any], config: Any, sizes: Sequence[str]) -> Any:
    """Return a configuration with some of its sizes changed.

    Raises
    ------
    ValueError
        If one is no size of the family, or sizes do not go together.
    """
    values = config.to_dict()
    for size in sizes:
        name, _, value = size.partition("=")
        try:
            numbers = json.loads(f"[{value}]")
        except ValueError:
            raise ValueError("give NAME=NUMBER, or NAME=NUMBER,NUMBER where it is a list") from None
        values[name] = numbers[0] if len(numbers) == 1 else numbers
    return family.config_from(values) if sizes else config


def _sample_rate(settings: Settings, folder: Path | None, otherwise: int) -> int:
    """Return the rate of a new model: the one asked for, or that of the store's audio."""
    from hdfs_jobs.datasets.store import Store

    if "sample_rate" in settings.model_fields_set:
        return settings.sample_rate
    if folder is not None:
        return otherwise
    audio = Store.open(settings.store).current_of("audio")
    return otherwise if audio is None else int(str(audio.settings["sample_rate"]))


def _with_choices(
    family: Family[Any],
    config: Any,
    choices: Mapping[str, str | None],
    initial: Weights[Any] | None,
) -> Any:
    """Return a configuration with what flags choose of it, by the names that both have."""
    for name, choice in choices.items():
        if choice is None:
            continue
        if not hasattr(config, name):
            raise CommandError(f"--{name}: the family {family.name} has no choice of it", USAGE)
        if initial is not None:
            raise CommandError(f"--{name} does not go with --init, whose sizes are taken", USAGE)
        config = replace(config, **{name: choice})
    return config


def _with_quantiser(
    family: Family[Any],
    config: Any,
    quantiser: str | None,
    initial: Weights[Any] | None,
    saved: Weights[Any] | None,
    corpus: Corpus,
) -> Any:
    """Return a configuration with its quantiser, and the gain that it takes of a corpus."""
    if quantiser is not None and not hasattr(config, "quantiser"):
        raise CommandError(f"--quantiser: the family {family.name} has one of its own", USAGE)
    if quantiser is not None and initial is not None:
        raise CommandError("--quantiser does not go with --init, whose codes are taken", USAGE)
    name = quantiser or getattr(config, "quantiser", None)
    if name is None or initial is not None:
        return config
    gain = 1.0
    if name in ("linear", "none"):
        # A training that goes on keeps its gain, whatever recordings came since.
        kept = getattr(None if saved is None else saved.config, "gain", None)
        own = 1.0 / (corpus.peak if name == "linear" else corpus.deviation)
        gain = own if kept is None else kept
    try:
        return replace(config, quantiser=name, gain=gain)
    except ValueError as error:
        raise CommandError(f"--quantiser {name}: {error}", USAGE) from None


def _corpus(settings: Settings, folder: Path | None, sample_rate: int) -> Corpus:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.training.store_corpus import store_corpus

    if folder is None:
        corpus = store_corpus(Store.open(settings.store))
        where = f"the store's audio, {settings.store}"
    else:
        corpus, where = _read(folder, "--from", sample_rate), str(folder)
    if not len(corpus):
        raise CommandError(f"nothing to train on: {where} holds no recording to be read", USAGE)
    if corpus.sample_rate != sample_rate:
        raise CommandError(
            f"{where} is at {corpus.sample_rate} Hz, the model at {sample_rate} Hz: cut it anew "
            f"with shard --sample-rate {sample_rate}, or give --from FOLDER, which is resampled",
            USAGE,
        )
    return corpus


def _rows(settings: Settings, folder: Path | None, corpus: Corpus) -> list[SourceRow]:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.trained_on import rows_of_folder, rows_of_store

    if folder is None:
        return rows_of_store(Store.open(settings.store), corpus)
    return rows_of_folder(folder, corpus)


def _held_out(corpus: Corpus, held_out: str | None) -> tuple[Corpus, Corpus]:
    """Return what to train on and what to score on; of one recording alone nothing is held out."""
    if held_out is None:
        return corpus.split(_HELD_OUT if len(corpus) > 1 else 0.0)
    try:
        share = float(held_out)
    except ValueError:
        return corpus, _read(Path(held_out), "--held-out", corpus.sample_rate)
    if not 0 <= share < 1:
        raise CommandError(f"--held-out {held_out}: a share is from 0 to below 1", USAGE)
    return corpus.split(share)


def _trimmed(corpus: Corpus, threshold: float) -> Corpus:
    """Return a corpus without the silence at ends, and print how much that was of which."""
    from nsynth_batch.training.silence import trimmed

    kept, left_out = trimmed(corpus, threshold)
    longest = sorted(left_out, key=lambda name: (-left_out[name], name))
    for name in longest[:_NAMED]:
        whole = "" if name in kept.names else ", all of it"
        typer.echo(f"silence left out of {name}: {left_out[name]:.1f} s{whole}", err=True)
    if left_out:
        typer.echo(
            f"silence left out in all: {sum(left_out.values()):.1f} s of {corpus.seconds:.1f} s, "
            f"of {len(left_out)} of {len(corpus)} recordings",
            err=True,
        )
    return kept


def _read(folder: Path, flag: str, sample_rate: int) -> Corpus:
    from nsynth_batch.training.corpus import Corpus

    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; {flag} is a folder of recordings", USAGE)
    corpus = Corpus.from_folder(folder, sample_rate)
    for name, reason in corpus.rejected.items():
        typer.echo(f"left out {name}: {reason}", err=True)
    return corpus
