"""A Job from its first pod to its end: the log as it is written, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from nsynth_batch.errors import INFRASTRUCTURE, CommandError
from nsynth_batch.submit.api import Api, Refused, Unreachable
from nsynth_batch.submit.apply import path_of
from nsynth_batch.submit.job_state import (
    Ending,
    JobOutcome,
    Object,
    ending,
    has_begun,
    is_over,
    is_pulling,
    is_suspended,
    name_of,
    no_pod,
    outcome,
    outlived,
    outliving,
    own_pods,
    trouble,
)
from nsynth_batch.submit.pod_log import Tail, read_log
from nsynth_batch.submit.start_timeout import Patience, Waits

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_TRIES_OF_THE_LAST_READ = 5
_GRACE_SECONDS = 30.0
"""How long other containers of a pod may go on after the run's own: sidecars end then, or never."""

_UNKNOWN, _FORBIDDEN, _GONE = 401, 403, 404

_T = TypeVar("_T")


@dataclass
class _Pod:
    """What is known of a pod.

    Attributes
    ----------
    tail
        What was read of its log.
    ended
        How it ended, or None while it goes on.
    done
        Whether its end was logged.
    failed_reads
        How often its last lines could not be read.
    """

    tail: Tail = field(default_factory=Tail)
    ended: Ending | None = None
    done: bool = False
    failed_reads: int = 0


class Follower:
    """Follows one Job.

    Parameters
    ----------
    api : Api
        The cluster.
    job : dict
        The Job, as the server has it.
    write : callable
        Takes each line of the run's log.
    log : callable
        Takes each remark of ours.
    patience : Patience
        How long is waited.

    Attributes
    ----------
    begun
        Whether any pod of the Job has begun, as far as was seen.
    """

    def __init__(
        self,
        api: Api,
        job: Object,
        write: Callable[[str], None],
        log: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self._api = api
        self._name = name_of(job)
        self._namespace: str = job["metadata"]["namespace"]
        self._uid: str = job["metadata"]["uid"]
        self._write = write
        self._log = log
        self._patience = patience
        self._pods: dict[str, _Pod] = {}
        self._waits = Waits(log, patience)
        self._logs_refused = False
        self._outlived_since: float | None = None
        self.begun = False

    def follow(self) -> JobOutcome:
        """Follow the Job to its end, or to the run's where a sidecar keeps the Job from its own.

        Raises
        ------
        NeverStartedError
            If a pod does not start.
        CommandError
            If the Job is deleted, or the API server answers no more.
        """
        pause = _FIRST_PAUSE
        while True:
            job = self._job()
            pods = own_pods(self._listed(), self._uid)
            moved = [self._advance(pod) for pod in pods]
            moved.append(self._miss({name_of(pod) for pod in pods}))
            if any(moved):
                pause = _FIRST_PAUSE
                continue
            # A pod that never began and that its Job gave up is not waited for.
            if is_over(job) and not any(self._has_more(pod) for pod in pods):
                ends = [known.ended for known in self._pods.values() if known.ended]
                return outcome(job, ends[-1] if ends else None)
            if pods and self._is_outlived(pods[-1]):
                return outlived(job, pods[-1], self._pods[name_of(pods[-1])].ended or Ending(None))
            self._wait(job, pods)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _advance(self, pod: Object) -> bool:
        """Report what is new of a pod; return whether there was anything."""
        name = name_of(pod)
        fresh = name not in self._pods
        known = self._pods.setdefault(name, _Pod())
        if known.done:
            return False
        if fresh and len(self._pods) > 1:
            self._log(f"pod {name} takes over, number {len(self._pods)} of this job")
        known.ended = ending(pod)
        moved = fresh
        if has_begun(pod):
            self.begun = True
            self._waits.over()
            moved |= self._read(name, known)
        if known.ended is None or 0 < known.failed_reads < _TRIES_OF_THE_LAST_READ:
            return moved
        known.done = True
        self._waits.over()
        if known.ended.exit_code != 0:
            self._log(f"pod {name} {known.ended}")
        return True

    def _has_more(self, pod: Object) -> bool:
        known = self._pods[name_of(pod)]
        return not known.done and (known.ended is not None or has_begun(pod))

    def _is_outlived(self, pod: Object) -> bool:
        """Whether other containers of a pod have gone on for too long after the run's own."""
        if not (self._pods[name_of(pod)].done and outliving(pod)):
            self._outlived_since = None
            return False
        now = time.monotonic()
        self._outlived_since = self._outlived_since or now
        grace = min(_GRACE_SECONDS, self._patience.start_seconds)
        return now - self._outlived_since >= grace

    def _miss(self, there: set[str]) -> bool:
        """Report pods that are no more; return whether there was any."""
        missing = [name for name, pod in self._pods.items() if not pod.done and name not in there]
        for name in missing:
            self._pods[name].done = True
            self._pods[name].ended = Ending(None)
            self._log(f"pod {name} was taken away")
        return bool(missing)

    def _read(self, name: str, known: _Pod) -> bool:
        """Write what is new in a pod's log; whether there was anything."""
        if self._logs_refused:
            return False
        path = f"/api/v1/namespaces/{self._namespace}/pods/{name}"
        lines = 0

        def read() -> None:
            nonlocal lines
            with closing(read_log(self._api, path, known.tail, follow=known.ended is None)) as log:
                for line in log:
                    self._write(line)
                    lines += 1

        try:
            self._patiently(read, through_refusals=False)
            known.failed_reads = 0
        except Refused as error:
            if error.status == _FORBIDDEN:
                self._logs_refused = True
                self._log(f"warning: the log cannot be followed, the job is: {error}")
            elif known.ended is not None:
                known.failed_reads += 1
                if known.failed_reads == _TRIES_OF_THE_LAST_READ:
                    self._log(f"warning: the end of the log of pod {name} is lost: {error}")
        return lines > 0

    def _wait(self, job: Object, pods: list[Object]) -> None:
        """Find out why nothing goes on, and give up when that lasts."""
        waiting = [pod for pod in pods if not self._pods[name_of(pod)].done]
        if is_suspended(job):
            self._waits.hold(f"job {self._name} is suspended: waiting until it is resumed")
        elif not waiting:
            last = pods[-1]["metadata"]["creationTimestamp"] if pods else ""
            kept_back = no_pod(self._name, self._events(self._uid), last)
            if kept_back is not None:
                self._waits.see(kept_back, begun=self.begun)
        for pod in waiting:
            if not has_begun(pod):
                events = self._events(pod["metadata"]["uid"])
                if is_pulling(pod, events):
                    self._waits.hold(f"pod {name_of(pod)} is on its node: its image is pulled")
                else:
                    self._waits.see(trouble(pod, events), begun=self.begun)

    def _job(self) -> Object:
        path = path_of("Job", self._namespace, self._name)
        try:
            job = self._patiently(lambda: self._api.ask("GET", path))
        except Refused as error:
            if error.status != _GONE:
                raise
            job = None
        if job is None or job["metadata"]["uid"] != self._uid:
            raise CommandError(
                f"job {self._name} was deleted while it was followed; what is committed stays",
                INFRASTRUCTURE,
            )
        return job

    def _listed(self) -> list[Object]:
        query = {"labelSelector": f"job-name={self._name}"}
        return self._patiently(lambda: self._items("pods", query))

    def _events(self, uid: str) -> list[Object]:
        try:
            return self._items("events", {"fieldSelector": f"involvedObject.uid={uid}"})
        except (Refused, Unreachable):
            # They only add to what is seen without them.
            return []

    def _items(self, what: str, query: dict[str, str]) -> list[Object]:
        path = f"/api/v1/namespaces/{self._namespace}/{what}"
        items: list[Object] = self._api.ask("GET", path, query=query).get("items") or []
        return items

    def _patiently(self, request: Callable[[], _T], *, through_refusals: bool = True) -> _T:
        """Make a request again while the cluster does not answer, or does not know us any more."""
        started = time.monotonic()
        pause = _FIRST_PAUSE
        renewed = logged = False
        while True:
            try:
                return request()
            except (Refused, Unreachable) as error:
                if isinstance(error, Refused):
                    if error.status == _UNKNOWN and not renewed:
                        # Tokens run out during long runs, and their file has a new one by then.
                        self._api.renew()
                        renewed = True
                        continue
                    if not (error.may_pass and through_refusals):
                        raise
                if time.monotonic() - started > self._patience.answer_seconds:
                    raise CommandError(
                        f"{error}; job {self._name} may go on: `nsynth-batch submit --follow "
                        f"{self._name} --namespace {self._namespace}` follows it again",
                        INFRASTRUCTURE,
                    ) from error
                if not logged:
                    self._log(f"{error}; trying again")
                    logged = True
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
