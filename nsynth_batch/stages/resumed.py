"""Sound that is made many samples at a time, and goes on after a kill where it was."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from hdfs_jobs.runs.stage import Counted, Task
from nsynth_batch.models.engine import Codes, NotFiniteError, OnCodes, OnProgress
from nsynth_batch.models.loading import memory_errors_as_usage
from nsynth_batch.models.model import LoadedModel
from nsynth_batch.models.weights import Array
from nsynth_batch.stages.partial_codes import LONGEST_LOSS_SECONDS, PartialCodes

Make = Callable[[Sequence[Codes] | None, OnCodes | None, OnProgress], list[Array]]
"""Makes clips from what an interrupted call had made of each, with listeners to its progress."""


def resumed_audio(
    model: LoadedModel,
    task: Task,
    name: str,
    ids: Sequence[str],
    make: Make,
    *,
    save_seconds: float,
) -> Generator[Counted, None, tuple[list[Array], list[int]]]:
    """Make the clips of a batch, from what earlier attempts have kept of them.

    Parameters
    ----------
    model : LoadedModel
        What makes them.
    task : Task
        Keeps partial results, and gets signs of life.
    name : str
        What the partial results are called.
    ids : sequence of str
        The batch, in its order.
    make : callable
        Makes all of it.
    save_seconds : float
        Wall seconds between two saves, at most.

    Yields
    ------
    Counted
        How many samples were there already.

    Returns
    -------
    list of float32 [n], list of int
        The clips; and the numbers of those that are lost, for their logits were not finite.
    """
    progress = PartialCodes(
        task.partial,
        name,
        ids,
        every=save_seconds,
        most_unsaved=LONGEST_LOSS_SECONDS * model.sample_rate,
    )
    prefixes = progress.load() if model.resumes else []
    if resumed := sum(map(len, prefixes)):
        yield Counted("resumed_samples", resumed)
    resumes = model.resumes
    try:
        with memory_errors_as_usage():
            audio = make(
                prefixes if resumes else None,
                progress.save if resumes else None,
                lambda _samples: task.heartbeat(),
            )
            return audio, []
    except NotFiniteError as error:
        return error.made, error.clips
