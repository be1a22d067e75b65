"""Which model, and how it is run: one value that is passed whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from nsynth_batch.settings.choices import MODEL_FACTS, EngineName, PrecisionChoice


@dataclass(frozen=True)
class ModelSpec:
    """A model and how it is run, as a stage takes it to its workers.

    Attributes
    ----------
    checkpoint : str
        A bundled name, a file, a folder or a URL.
    engine : str
        What runs it; ``auto`` chooses.
    precision : str
        What the engine computes in; ``auto`` chooses.
    instruction_set : str or None
        What the engine runs on; None leaves it to the engine.
    threads : int or None
        Threads the engine uses; None leaves it to the engine, or to the task.
    memory : int or None
        Bytes that the engine may allocate beside the weights; None leaves it to the engine.
    digest : str or None
        SHA-256 of the checkpoint's weights; None until the model was opened.

    Examples
    --------
    >>> spec = ModelSpec("small", "native", threads=2)
    >>> opened = spec.settled(
    ...     {
    ...         "checkpoint": "0c41",
    ...         "engine": "native",
    ...         "precision": "int8",
    ...         "instruction_set": "avx2",
    ...     }
    ... )
    >>> opened.facts()["instruction_set"], opened.threads
    ('avx2', 2)
    """

    checkpoint: str
    engine: EngineName = "auto"
    precision: PrecisionChoice = "float32"
    instruction_set: str | None = None
    threads: int | None = None
    memory: int | None = None
    digest: str | None = None

    def settled(self, facts: Mapping[str, str]) -> ModelSpec:
        """Return this spec with every choice replaced by what an opened model is.

        Parameters
        ----------
        facts : mapping of str to str
            The model's `facts()`.
        """
        return replace(
            self,
            engine=cast(EngineName, facts["engine"]),
            precision=cast(PrecisionChoice, facts["precision"]),
            instruction_set=facts["instruction_set"],
            digest=facts["checkpoint"],
        )

    def facts(self) -> dict[str, str]:
        """Return the four facts on which the bytes of results depend, as settings store them.

        Raises
        ------
        ValueError
            If the spec is not settled yet.
        """
        values = (self.digest, self.engine, self.precision, self.instruction_set)
        facts = dict(zip(MODEL_FACTS, values, strict=True))
        if None in values or "auto" in values:
            raise ValueError(f"the model {self.checkpoint} was not opened yet: {facts}")
        return cast(dict[str, str], facts)
