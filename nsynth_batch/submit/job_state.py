"""The state of a Job and its pods, read into what an operator has to know; pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nsynth_batch.errors import INFRASTRUCTURE, OK, UNEXPECTED, USAGE
from nsynth_batch.submit.job_manifest import CONTAINER
from sequencer.text import counted, flattened

Object = dict[str, Any]
"""What the API answers with: any field may be missing."""

_CANNOT_START = {"StartError", "ContainerCannotRun"}
_NEVER_PULLED = {"InvalidImageName", "ErrImageNeverPull"}
_NOT_PULLED = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}
_PULLING = {"Pulling", "Pulled"}
"""The event once all volumes are mounted."""

_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|unauthorized|denied|forbidden|authentication required"
    r"|no match for platform|invalid reference|repository does not exist|InvalidImageName",
    re.IGNORECASE,
)
_NO_SUCH_CLAIM = re.compile(r'persistentvolumeclaim "[^"]*" not found')
_LACKING = re.compile(r"not found|references non-existent", re.IGNORECASE)
_TAKEN_BACK = re.compile(r"exceeded quota|try again|timeout|connection refused", re.IGNORECASE)


@dataclass(frozen=True)
class Ending:
    """How a pod's container ended.

    Attributes
    ----------
    exit_code
        Of the container; None where Kubernetes does not give it.
    reason
        A word such as ``OOMKilled`` or ``Evicted``, or empty.
    message
        The message beside it, in one line, or empty.
    """

    exit_code: int | None
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        """Return it in a few words."""
        if self.reason == "OOMKilled":
            return "ran out of memory (OOMKilled)"
        words = f"{self.reason}: {self.message}" if self.message else self.reason
        if self.exit_code is None:
            return f"was taken away ({words})" if words else "was taken away"
        ended = f"ended with {self.exit_code}"
        return f"{ended} ({words})" if words not in {"", "Error", "Completed"} else ended


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start.

    Attributes
    ----------
    line
        What is wrong and what to do.
    exit_code
        What to end with if it stays so.
    stays
        Whether waiting is not likely to help.
    """

    line: str
    exit_code: int
    stays: bool = False


@dataclass(frozen=True)
class JobOutcome:
    """What became of a Job.

    Attributes
    ----------
    exit_code
        What to end with.
    line
        The line for people: what failed, or what is left to do; empty if all is well.
    """

    exit_code: int
    line: str = ""


def own_pods(pods: Iterable[Object], uid: str) -> list[Object]:
    """Return a Job's pods, the oldest first."""
    of_job = [
        pod
        for pod in pods
        if any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or ())
    ]
    return sorted(of_job, key=lambda pod: (pod["metadata"]["creationTimestamp"], name_of(pod)))


def name_of(thing: Object) -> str:
    """Return an object's name."""
    name: str = thing["metadata"]["name"]
    return name


def has_begun(pod: Object) -> bool:
    """Whether the pod's container wrote, or may have written, a log."""
    return bool({"running", "terminated"} & set(_state(pod)))


def ending(pod: Object) -> Ending | None:
    """Return how a pod ended, or None while it goes on."""
    status = pod.get("status") or {}
    ended = _state(pod).get("terminated")
    if ended is None and status.get("phase") not in {"Failed", "Succeeded"}:
        return None
    ended = ended or {}
    taken = _condition(status, "DisruptionTarget")
    why = status.get("reason") or (taken or {}).get("reason") or ended.get("reason") or ""
    message = status.get("message") or (taken or {}).get("message") or ""
    if why in _CANNOT_START:
        message = ended.get("message") or ""
    return Ending(ended.get("exitCode"), why, flattened(message))


def outliving(pod: Object) -> tuple[str, ...]:
    """Return the containers that keep a pod from its end, though the run's own has ended.

    A sidecar that the cluster puts into every pod may be one. Its Job has no condition as long,
    and makes no other pod. What Kubernetes itself ends then, an init container that is restarted
    always, is none of them.
    """
    status = pod.get("status") or {}
    if "terminated" not in _state(pod) or status.get("phase") in {"Failed", "Succeeded"}:
        return ()
    return tuple(
        beside.get("name") or "?"
        for beside in status.get("containerStatuses") or ()
        if beside.get("name") != CONTAINER and "terminated" not in (beside.get("state") or {})
    )


def is_pulling(pod: Object, events: Sequence[Object]) -> bool:
    """Whether all that a pod waits for is its image, which comes: a large one takes its time."""
    reason = (_state(pod).get("waiting") or {}).get("reason")
    return reason == "ContainerCreating" and any(e.get("reason") in _PULLING for e in events)


def trouble(pod: Object, events: Sequence[Object]) -> Trouble:
    """Return why a pod that has not begun does not begin.

    Parameters
    ----------
    pod : dict
        The pod.
    events : sequence of dict
        Its events.
    """
    name = name_of(pod)
    warnings = _warnings(events)
    unscheduled = _condition(pod.get("status") or {}, "PodScheduled", "False")
    if unscheduled is not None:
        words = _words_of(unscheduled)
        if _NO_SUCH_CLAIM.search(words):
            return Trouble(f"pod {name} lacks a volume: {words}; correct --volume", USAGE, True)
        return Trouble(f"pod {name} finds no node: {words}", INFRASTRUCTURE)
    waiting = _state(pod).get("waiting") or {}
    reason, message = waiting.get("reason") or "", flattened(waiting.get("message") or "")
    if reason in _NEVER_PULLED | _NOT_PULLED:
        words = "; ".join([message, *warnings.get("Failed", ())])
        never = reason in _NEVER_PULLED or bool(_NO_SUCH_IMAGE.search(words))
        line = f"image {_image(pod)} cannot be pulled ({reason}): {message or words}"
        if never:
            line += "; correct --image, or give --pull-secret if its registry asks who you are"
        return Trouble(line, USAGE if never else INFRASTRUCTURE, never)
    if reason == "CreateContainerConfigError":
        return Trouble(f"pod {name} lacks what it is configured with: {message}", USAGE, True)
    for mount in warnings.get("FailedMount", ()):
        lacking = bool(_LACKING.search(mount))
        return Trouble(
            f"pod {name} lacks a volume: {mount}", USAGE if lacking else INFRASTRUCTURE, lacking
        )
    words = message or "; ".join(words for lines in warnings.values() for words in lines)
    if reason not in {"", "ContainerCreating", "PodInitializing"} or words:
        return Trouble(
            f"pod {name} does not start ({reason or 'Pending'}): {words}", INFRASTRUCTURE
        )
    return Trouble(f"pod {name} has not started yet", INFRASTRUCTURE)


def no_pod(name: str, events: Sequence[Object], since: str) -> Trouble | None:
    """Return why a Job has no pod that goes on; None if it only pauses between two.

    Parameters
    ----------
    name : str
        Of the Job.
    events : sequence of dict
        Its events.
    since : str
        When its last pod was made, as the API writes times; empty if there was none.
    """
    later = [e for e in events if (e.get("lastTimestamp") or e.get("eventTime") or "") >= since]
    words = _warnings(later).get("FailedCreate")
    if not words:
        return None if since else Trouble(f"job {name} has no pod yet", INFRASTRUCTURE)
    passes = bool(_TAKEN_BACK.search(words[-1]))
    return Trouble(
        f"job {name} may not have a pod: {words[-1]}",
        INFRASTRUCTURE if passes else USAGE,
        not passes,
    )


def is_suspended(job: Object) -> bool:
    """Whether a Job is suspended."""
    return bool((job.get("spec") or {}).get("suspend"))


def is_over(job: Object) -> bool:
    """Whether nothing more comes of a Job."""
    status = job.get("status") or {}
    return any(_condition(status, kind) is not None for kind in ("Complete", "Failed"))


def outcome(job: Object, last: Ending | None) -> JobOutcome:
    """Return how a Job that is over ended.

    Parameters
    ----------
    job : dict
        The Job.
    last : Ending, optional
        How its last pod ended, where that was seen.
    """
    failed = _condition(job.get("status") or {}, "Failed")
    if failed is None:
        return JobOutcome(OK)
    name, why = name_of(job), failed.get("reason") or ""
    if why == "DeadlineExceeded":
        seconds = job["spec"].get("activeDeadlineSeconds")
        return JobOutcome(
            INFRASTRUCTURE,
            f"job {name} took longer than its deadline of {seconds} s; what is committed stays: "
            "submit it again to go on, with a longer --deadline if need be",
        )
    words = flattened(failed.get("message") or "")
    if last is None:
        return JobOutcome(_code_in(words) or INFRASTRUCTURE, f"job {name} failed ({why}): {words}")
    if last.reason in _CANNOT_START:
        return _unstarted(job, last)
    if why == "PodFailurePolicy":
        code = _code_in(words) or last.exit_code or UNEXPECTED
        return JobOutcome(code, f"job {name} failed: its run {last}, which no other try mends")
    tries = (job.get("status") or {}).get("failed") or 1
    return _failure(
        job, last, f"job {name} failed for good after {counted(tries, 'pod')}: the last one {last}"
    )


def outlived(job: Object, pod: Object, last: Ending) -> JobOutcome:
    """Return how a run ended whose pod goes on with other containers.

    Parameters
    ----------
    job : dict
        The Job, without a condition.
    pod : dict
        Its last pod.
    last : Ending
        How the run's own container ended.
    """
    name, namespace = name_of(job), job["metadata"]["namespace"]
    left = (
        f"its pod {name_of(pod)} goes on with {' and '.join(outliving(pod))}: "
        f"`kubectl delete job {name} -n {namespace}` ends it"
    )
    if last.exit_code == OK:
        return JobOutcome(OK, left)
    if last.reason in _CANNOT_START:
        failed = _unstarted(job, last)
    else:
        failed = _failure(job, last, f"job {name} failed: its run {last}")
    return JobOutcome(failed.exit_code, f"{failed.line}; {left}")


def _unstarted(job: Object, last: Ending) -> JobOutcome:
    image = _image(job["spec"]["template"])
    return JobOutcome(USAGE, f"job {name_of(job)} failed: {image} does not start: {last}")


def _failure(job: Object, last: Ending, line: str) -> JobOutcome:
    """Return the outcome of a run whose last pod failed."""
    if last.reason == "OOMKilled":
        return JobOutcome(INFRASTRUCTURE, f"{line}; give it more --memory than {_memory(job)}")
    if last.exit_code is None or last.exit_code > 128:
        return JobOutcome(INFRASTRUCTURE, line)
    return JobOutcome(last.exit_code or UNEXPECTED, line)


def _state(pod: Object) -> Object:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    states = [status.get("state") for status in statuses if status.get("name") == CONTAINER]
    return next(iter(states), None) or {}


def _condition(status: Object, kind: str, value: str = "True") -> Object | None:
    conditions: Sequence[Object] = status.get("conditions") or ()
    return next((c for c in conditions if (c.get("type"), c.get("status")) == (kind, value)), None)


def _warnings(events: Sequence[Object]) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for event in events:
        if event.get("type") == "Warning":
            words.setdefault(event.get("reason") or "", []).append(_words_of(event))
    return words


def _words_of(thing: Object) -> str:
    return flattened(thing.get("message") or thing.get("reason") or "")


def _image(pod: Object) -> str:
    image: str = pod["spec"]["containers"][0]["image"]
    return image


def _memory(job: Object) -> str:
    limits = job["spec"]["template"]["spec"]["containers"][0].get("resources", {}).get("limits", {})
    return str(limits.get("memory", "it has"))


def _code_in(message: str) -> int | None:
    found = re.search(r"exit code (\d+)", message)
    return int(found[1]) if found else None
