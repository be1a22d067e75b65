"""The log of an asynchronous training: which gradient was applied when, and what it began from.

It lies beside the model and has all that a training needs to be made again to the same bytes on one
machine, but for recordings and options: of those it says whether they are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from hdfs_jobs.runs.updates import Applied
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_url
from nsynth_batch.models.weights import CheckpointError
from sequencer.text import counted

NAME = "updates.jsonl"


@dataclass(frozen=True)
class Began:
    """Where a command began or went on, and with what.

    Attributes
    ----------
    at : int
        How many gradients were applied by then.
    corpus : str
        As of `publish_corpus`, made from the content.
    steps, decay_steps : int
        As of the options: the learning rate hangs on them.
    """

    at: int
    corpus: str
    steps: int
    decay_steps: int


@dataclass(frozen=True)
class UpdateLog:
    """A log, in memory.

    Attributes
    ----------
    made_by : str
        As of the trainer.
    begins : sequence of Began
        In order; one that goes on with the same is left out.
    updates : sequence of Applied
        In the order in which they were applied.
    """

    made_by: str
    begins: Sequence[Began]
    updates: Sequence[Applied]

    def write(self, storage: Storage) -> None:
        """Write it into a training's folder, in the place of the one before."""
        lines = [json.dumps({"made_by": json.loads(self.made_by)}, sort_keys=True)]
        lines += [json.dumps(asdict(one)) for one in self.begins]
        lines += [f'{{"piece": {one.piece}, "began": {one.began}}}' for one in self.updates]
        storage.replace(NAME, "".join(f"{line}\n" for line in lines).encode())

    def upto(self, number: int, source: str) -> UpdateLog:
        """Return the log of so many gradients.

        Raises
        ------
        CheckpointError
            It has not so many.
        """
        if len(self.updates) < number:
            raise CheckpointError(
                f"{source}: has {counted(len(self.updates), 'gradient')} and the model {number}: "
                "restore the log that was saved with the model, or train another from it with "
                "--init"
            )
        begins = [one for one in self.begins if one.at < number]
        return replace(self, begins=begins, updates=self.updates[:number])

    def going_on(self, began: Began) -> UpdateLog:
        """Return the log with one more beginning, if that one is with something else."""
        if self.begins and replace(self.begins[-1], at=began.at) == began:
            return self
        return replace(self, begins=[*self.begins, began])


def read_updates(url: str) -> UpdateLog:
    """Read a log, by the path or URL of its file.

    Raises
    ------
    CheckpointError
        There is none, or it is no such log.
    """
    try:
        with open_url(url) as stream:
            lines = stream.read().decode().splitlines()
    except FileNotFoundError:
        raise CheckpointError(f"{url}: no such log; an asynchronous training has {NAME}") from None
    begins, updates = [], []
    try:
        made_by = json.dumps(json.loads(lines[0])["made_by"], sort_keys=True)
        for line in lines[1:]:
            found = json.loads(line)
            if "piece" in found:
                updates.append(Applied(int(found["piece"]), int(found["began"])))
            else:
                begins.append(Began(**found))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{url}: not the log of an asynchronous training ({error})") from None
    return UpdateLog(made_by, begins, updates)
