"""A few recordings through a model, without a store: reconstructions and mash-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.crossfade import Mixture
from nsynth_batch.settings.mash_rule import MashRule
from nsynth_batch.store.encoding_files import NamedEncoding
from nsynth_batch.training.fidelity import Fidelity, fidelity, total
from sequencer.audio.recording import load_audio
from sequencer.audio.samples import to_int16
from sequencer.clips.clips import is_export, read_clips
from sequencer.errors import AudioError, SequencerError
from sequencer.rendering.output_paths import output
from sequencer.rights.beside import rights_beside
from sequencer.rights.rights import Rights, licence_url
from sequencer.rights.solver import solve
from sequencer.sound_files.marks import COMMENT, comment_made_here
from sequencer.sound_files.output import form_of, sound_writer
from sequencer.sound_files.tags import Tags, shortened
from sequencer.text import flattened

Audio = npt.NDArray[np.float32]
OnProgress = Callable[[int], None]

MAKER = "by nsynth-batch"
"""Part of the comment of each file that is written here."""

_SHORTEST_RUN = 8
"""Frames in a row in which a parent has the larger share, for it to be compared there."""

_MOST_TEXT, _MOST_COMMENT = 160, 320


@dataclass(frozen=True)
class Parent:
    """A recording to work on.

    Attributes
    ----------
    path : Path
    samples : float32 [n]
        Mono at the model's rate, whole hops.
    rights : tuple of Rights
        Its own; of an exported clip those of its parents.
    cut : bool
        Whether the recording is longer than what was taken of it.
    notes : tuple of str
        What was not as it should be, and is taken all the same.
    """

    path: Path
    samples: Audio
    rights: tuple[Rights, ...]
    cut: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """What a model made of one recording or more.

    Attributes
    ----------
    samples : float32 [n]
        At the model's rate, full scale ±1.
    parents : tuple of Parent
    mixture : Mixture
        What was decoded: its encoding, and the share of each parent at each frame.
    hop : int
        Samples a frame.
    sample_rate : int
        In Hz.
    """

    samples: Audio
    parents: tuple[Parent, ...]
    mixture: Mixture
    hop: int
    sample_rate: int

    def kept(self) -> list[tuple[Fidelity, Fidelity]]:
        """Measure for each parent what was kept of it where it has the larger share.

        Returns
        -------
        list of (Fidelity, Fidelity)
            Of the output, and of the parent itself, which says what there was to keep: of nothing
            where the parent was stretched, for its time is another.
        """
        found = []
        mixed = self.mixture
        for parent, weights, factor in zip(self.parents, mixed.weights, mixed.stretch, strict=True):
            larger = (weights > 0.5) & (factor == 1)
            runs = [slice(a * self.hop, b * self.hop) for a, b in _runs(larger)]
            of = parent.samples
            made = (fidelity(of[run], self.samples[run], self.sample_rate) for run in runs)
            own = (fidelity(of[run], of[run], self.sample_rate) for run in runs)
            found.append((total(list(made)), total(list(own))))
        return found


def read_parent(path: Path, model: Autoencoder, seconds: float) -> Parent:
    """Read a recording, as much of its beginning as is asked for, and its rights.

    Raises
    ------
    SequencerError
        If it is no usable recording, silent, or shorter than a frame of the model: one line with
        its name.
    OSError
        What reading raised.
    """
    notes: list[str] = []
    rate = model.sample_rate
    try:
        whole = load_audio(path, rate, seconds=seconds + 1 / rate, notes=notes)
        samples = whole[: round(seconds * rate)]
        cut = len(whole) > len(samples)
        frames = len(samples) // model.hop
        model.require_frame(samples)
        if float(np.ptp(samples)) == 0.0:
            raise AudioError("silent", f"all {len(samples):,} samples have the same value")
    except AudioError as error:
        raise SequencerError(f"{path}: {error}") from error
    return Parent(path, samples[: frames * model.hop], _rights(path), cut, tuple(notes))


def reconstruct(
    model: Autoencoder,
    parent: Parent,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    on_progress: OnProgress | None = None,
) -> Made:
    """Encode a recording and decode it again.

    Parameters
    ----------
    model : Autoencoder
    parent : Parent
        As `read_parent` returns it.
    seed, temperature, on_progress
        As for `Autoencoder.decode`.
    """
    encoding = model.encode(parent.samples[None])[0]
    return _decoded(model, _alone(encoding), (parent,), seed, temperature, on_progress)


def mash(
    model: Autoencoder,
    parents: Sequence[Parent],
    rule: MashRule,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    on_progress: OnProgress | None = None,
) -> Made:
    """Mash up the encodings of some recordings, and decode the result.

    Parameters
    ----------
    model : Autoencoder
    parents : sequence of Parent
        As `read_parent` returns them.
    rule : MashRule
        What becomes of their encodings.
    seed : int
        Of the curve and of the decoding.
    temperature, on_progress
        As for `Autoencoder.decode`.

    Raises
    ------
    UsageError
        If two of them are one recording, or a stretch leaves nothing of one.
    """
    mixed = mixture_of(model, encodings_of(model, parents), rule, seed)
    whole = as_long_as(parents, mixed, model.hop)
    return _decoded(model, mixed, whole, seed, temperature, on_progress)


def encodings_of(model: Autoencoder, parents: Sequence[Parent]) -> list[Audio]:
    """Encode different recordings.

    Raises
    ------
    UsageError
        If two of them are one recording.
    """
    for place, parent in enumerate(parents):
        for other in parents[:place]:
            if np.array_equal(parent.samples, other.samples):
                raise UsageError(
                    f"{other.path} and {parent.path} are one recording: a mash-up is of different "
                    "ones; reconstruct takes one"
                )
    return [model.encode(parent.samples[None])[0] for parent in parents]


def mixture_of(
    model: Autoencoder, encodings: Sequence[Audio], rule: MashRule, seed: int
) -> Mixture:
    """Mash up encodings as pair 0 of a seed.

    Raises
    ------
    UsageError
        If a stretch leaves nothing of one.
    """
    try:
        return model.mixture(encodings, rule, seed=seed)
    except ValueError as error:
        raise UsageError(f"{error}: take more --seconds, or a longer recording") from error


def as_long_as(parents: Sequence[Parent], mixed: Mixture, hop: int) -> tuple[Parent, ...]:
    """Return recordings as they are in a mash-up: cut or repeated, unless stretched."""
    samples = mixed.weights.shape[1] * hop
    return tuple(
        replace(each, samples=np.resize(each.samples, samples)) if factor == 1 else each
        for each, factor in zip(parents, mixed.stretch, strict=True)
    )


def _alone(encoding: Audio) -> Mixture:
    return Mixture(encoding, np.ones((1, len(encoding)), np.float32), (1.0,))


def _decoded(
    model: Autoencoder,
    mixed: Mixture,
    parents: tuple[Parent, ...],
    seed: int,
    temperature: float,
    on_progress: OnProgress | None,
) -> Made:
    [samples] = model.decode(
        [mixed.encoding], seed=seed, temperature=temperature, on_progress=on_progress
    )
    return Made(samples, parents, mixed, model.hop, model.sample_rate)


def licence_of(made: Made) -> tuple[str, str]:
    """Return the licence that the result is under, and a warning where there is none to state.

    Returns
    -------
    licence : str
        An SPDX id; empty where nothing can be concluded.
    warning : str
        One line; empty where all is well.
    """
    sources = [rights for parent in made.parents for rights in parent.rights]
    found = solve({"the result": sources}, allow_nc=True, allow_nd=True)
    if found.left_out:
        return "", next(iter(found.left_out.values()))
    if found.unknown:
        listed = ", ".join(map(flattened, found.unknown))
        return "", f"the licence of {listed} is not known: a sources.csv beside it would give it"
    if found.private:
        return "", f"{', '.join(found.private)} allows no adaptation to be shared: for private use"
    return found.licence, ""


def credits_of(made: Made) -> list[str]:
    """Return a line for each recording behind the result: title, author, licence, page."""
    each = dict.fromkeys(rights for parent in made.parents for rights in parent.rights)
    return [
        flattened(
            f'"{rights.title}" by {rights.author or "unknown"} ({rights.licence}) '
            f"{rights.attribution} {rights.page_url}"
        )
        for rights in each
    ]


def tags_of(made: Made, licence: str) -> Tags:
    """Return the tags of the result: its parents' titles, authors and rights."""
    every = [rights for parent in made.parents for rights in parent.rights]
    authors = dict.fromkeys(flattened(rights.author) for rights in every if rights.author)
    titles = " + ".join(flattened(" + ".join(r.title for r in p.rights)) for p in made.parents)
    what = "mash-up" if len(made.parents) > 1 else "reconstruction"
    stated = f"{licence} {licence_url(licence)}".strip() if licence else "licence not known"
    return Tags(
        title=shortened(f"{titles} ({what})", _MOST_TEXT),
        artist=shortened("; ".join(authors), _MOST_TEXT),
        licence=shortened(stated, _MOST_TEXT),
        comment=shortened(
            f"{COMMENT} recordings {MAKER}: {'; '.join(credits_of(made))}", _MOST_COMMENT
        ),
    )


def write_sound(made: Made, out: Path) -> tuple[str, str]:
    """Write a result with the tags of its parents, whole or not at all.

    Parameters
    ----------
    made : Made
    out : Path
        Its suffix chooses the format.

    Returns
    -------
    licence, warning : str
        As `licence_of` returns them.

    Raises
    ------
    SequencerError
        For a suffix that is not known; `OutputError` if it cannot be written.
    """
    licence, warning = licence_of(made)
    form = form_of(out, sample_rate=made.sample_rate, channels=1, frames=len(made.samples))
    samples = to_int16(made.samples) if form.bits == 16 else made.samples
    with output(out) as part, sound_writer(part, form, tags_of(made, licence)) as sink:
        sink.write(samples[:, None])
        sink.finish(None, None)
    return licence, warning


def is_ours(out: Path) -> bool:
    """Whether there is a sound file that was written here."""
    if not out.is_file():
        return False
    with out.open("rb") as stream:
        return MAKER in comment_made_here(stream)


def decode_arrays(
    model: Autoencoder,
    encodings: Sequence[NamedEncoding],
    *,
    seed: int = 0,
    temperature: float = 1.0,
    on_progress: OnProgress | None = None,
) -> Iterator[tuple[str, Made]]:
    """Decode encodings, as many at once as keep the engine busy.

    Parameters
    ----------
    model : Autoencoder
    encodings : sequence of NamedEncoding
        Of different names, which key the draws: a sound has the same bytes whatever is beside it.
    seed, temperature, on_progress
        As for `Autoencoder.decode`.

    Yields
    ------
    (str, Made)
        By name.
    """
    longest = max((len(each.encoding) for each in encodings), default=1) * model.hop
    size = model.engine.full_batch(longest)
    for start in range(0, len(encodings), size):
        batch = encodings[start : start + size]
        sounds = model.decode(
            [each.encoding for each in batch],
            seed=seed,
            ids=[each.name for each in batch],
            temperature=temperature,
            on_progress=on_progress,
        )
        for each, samples in zip(batch, sounds, strict=True):
            parent = Parent(Path(each.name), samples, (each.rights,), False)
            whole = _alone(each.encoding)
            yield each.name, Made(samples, (parent,), whole, model.hop, model.sample_rate)


def _rights(path: Path) -> tuple[Rights, ...]:
    """Return the rights of a recording, or of the recordings behind an exported clip."""
    if is_export(path.parent):
        clip: Any = next((c for c in read_clips(path.parent) if c.file == path.name), None)
        if clip is not None and clip.parents:
            return tuple(parent.rights for parent in clip.parents)
    return (rights_beside(path),)


def _runs(chosen: npt.NDArray[np.bool_]) -> Iterator[Sequence[int]]:
    """Yield begin and end of each stretch of frames that is chosen and long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2).tolist():
        if end - begin >= _SHORTEST_RUN or len(chosen) < _SHORTEST_RUN:
            yield begin, end
