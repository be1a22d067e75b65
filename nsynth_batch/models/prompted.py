"""What engines share that sample clips which go on from prompts, and say what they have made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from nsynth_batch.models.engine import Codes, NotFiniteError, OnCodes, OnProgress, Request
from nsynth_batch.models.inputs import checked_prefixes, refuse_conditioning


class PromptedEngine(ABC):
    """An engine of a network without conditioning, whose clips can be gone on with."""

    resumes = True

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Sample the codes of clips of any lengths.

        Parameters
        ----------
        requests : sequence of Request
            Without conditioning; all of one temperature, or of one curve of temperatures.
        on_codes : callable, optional
            Called now and then with the codes made of each clip so far.
        on_progress : callable, optional
            Called with the samples made since the last call.

        Returns
        -------
        list of int16 [length]

        Raises
        ------
        ValueError
            If a request has a conditioning, a prefix or a prompt does not fit, or temperatures
            differ.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If the logits of some clips are not finite; it holds the others.
        """
        refuse_conditioning(requests)
        made = checked_prefixes(requests)
        report = None if on_codes is None else lambda: on_codes(list(made))
        if lost := self._fill(requests, made, report, on_progress):
            raise NotFiniteError(sorted(lost), made)
        return made

    @abstractmethod
    def _fill(
        self,
        requests: Sequence[Request],
        made: list[Codes],
        report: Callable[[], None] | None,
        on_progress: OnProgress | None,
    ) -> list[int]:
        """Make the rest of each clip; return the numbers of those that were lost.

        Parameters
        ----------
        requests : sequence of Request
        made : list of int16
            What there is of each clip; it is written here.
        report : callable or None
            To be called now and then when there is more; None where only the end is asked for.
        on_progress : callable or None
            As of `generate`.
        """
