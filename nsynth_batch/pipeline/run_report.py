"""What a run did, and what its caller has to mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsynth_batch.errors import OK
from nsynth_batch.reporting.events import RunEnded, RunFailed

if TYPE_CHECKING:
    from hdfs_jobs.runs.events import StageOutcome
    from nsynth_batch.sources.counts import Harvest


@dataclass(frozen=True)
class Problem:
    """What is not as it should be after a run that could do all its work.

    Attributes
    ----------
    message : str
        One line: the problem and what to do.
    exit_code : int
        What a command exits with for it.
    """

    message: str
    exit_code: int


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    harvest : Harvest or None
        What was harvested; None without a source.
    outcomes : tuple of StageOutcome
        What was done for each dataset, in order.
    problems : tuple of Problem
        What is missing, or quarantined beyond what the settings allow.
    drain_code : int or None
        What a command exits with where the run was asked to stop and left work to the next one.
    """

    harvest: Harvest | None = None
    outcomes: tuple[StageOutcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    drain_code: int | None = None

    @property
    def exit_code(self) -> int:
        """What a command exits with: 0 if all is committed and within the settings' limits."""
        if self.drain_code is not None:
            return self.drain_code
        return self.problems[0].exit_code if self.problems else OK

    @property
    def message(self) -> str:
        """All problems in one line; empty if there is none, or the run was drained."""
        if self.drain_code is not None:
            return ""
        return "; ".join(problem.message for problem in self.problems)


def ended(report: RunReport) -> RunEnded | RunFailed:
    """Return the event that a run with this report ends with."""
    if report.message:
        return RunFailed(report.exit_code, report.message)
    return RunEnded(report.exit_code)
