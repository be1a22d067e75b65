"""What is in a cluster, and what becomes of a Job.

What a pod does is written down as a `Play`. What becomes of its Job follows from the manifest by
the rules of Kubernetes: podFailurePolicy, backoffLimit and activeDeadlineSeconds are obeyed here
as they are there.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "nsynth-batch"
Object = dict[str, Any]

TICK = 0.02
"""Seconds between two looks at what goes on."""


@dataclass(frozen=True)
class Play:
    """What one pod does.

    Attributes
    ----------
    lines
        What its container writes.
    exit_code, reason
        How the container ends.
    waiting
        Reason and message with which the container waits for ever instead.
    unschedulable
        Why it finds no node, for ever.
    events
        What is told of it while it waits: reason and message.
    pull_seconds
        How long its image takes to come.
    disruption
        Reason of the condition DisruptionTarget, if Kubernetes takes the pod away.
    vanishes
        Whether the pod is gone for good at once when it ends.
    pause_seconds
        Between lines.
    sidecar_seconds
        How long a second container runs on after it.
    """

    lines: Sequence[str] = ()
    exit_code: int = 0
    reason: str = ""
    waiting: tuple[str, str] | None = None
    unschedulable: str = ""
    events: Sequence[tuple[str, str]] = ()
    pull_seconds: float = 0.0
    disruption: str = ""
    vanishes: bool = False
    pause_seconds: float = 0.0
    sidecar_seconds: float = 0.0


@dataclass
class _Log:
    lines: list[tuple[datetime, bytes]] = field(default_factory=list)
    ended: bool = False


class Cluster:
    """Jobs, CronJobs, pods, their logs and what is told of them.

    Parameters
    ----------
    plays : sequence of Play
        Of the pods, in the order that they are made; to be changed at any time.

    Attributes
    ----------
    objects : dict
        What there is, by kind and name.
    events : list
        All that was told.
    namespaces : set of str
        Those that exist.
    """

    def __init__(self, plays: Sequence[Play]) -> None:
        self.plays = list(plays)
        self.objects: dict[tuple[str, str], Object] = {}
        self.events: list[Object] = []
        self.namespaces = {NAMESPACE}
        self.lock = threading.RLock()
        self.logs: dict[str, _Log] = {}
        self._closed = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether nobody is to be answered any more."""
        return self._closed.is_set()

    def get(self, kind: str, name: str) -> Object | None:
        """Give an object, if there is one."""
        with self.lock:
            return self.objects.get((kind, name))

    def add(self, manifest: Object) -> Object:
        """Put an object there, with what the server adds to it; a Job is begun."""
        thing: Object = json.loads(json.dumps(manifest))
        made = {
            "uid": str(uuid.uuid4()),
            "resourceVersion": "1",
            "creationTimestamp": _now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        thing["metadata"] |= made
        thing.setdefault("status", {})
        thing["spec"].setdefault("suspend", False)
        with self.lock:
            self.objects[thing["kind"], thing["metadata"]["name"]] = thing
        if thing["kind"] == "Job":
            threading.Thread(target=self._control, args=(thing,), daemon=True).start()
        return thing

    def remove(self, kind: str, name: str) -> None:
        """Take an object away, and a Job's pods with it."""
        with self.lock:
            thing = self.objects.pop((kind, name))
            for pod in self.pods(thing["metadata"]["uid"]):
                self._drop(pod)

    def pods(self, uid: str) -> list[Object]:
        """Give the pods of a Job."""
        with self.lock:
            pods = [thing for (kind, _), thing in self.objects.items() if kind == "Pod"]
        return [pod for pod in pods if pod["metadata"]["ownerReferences"][0]["uid"] == uid]

    def tell(self, uid: str, reason: str, message: str, kind: str = "Warning") -> None:
        """Tell something of an object."""
        self.events.append(
            {
                "involvedObject": {"uid": uid},
                "type": kind,
                "reason": reason,
                "message": message,
                "lastTimestamp": _now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def _drop(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        self.objects.pop(("Pod", name), None)
        self.logs[name].ended = True

    def _control(self, job: Object) -> None:
        """Be the Job controller: one pod after the other, as long as the manifest says so."""
        spec, uid = job["spec"], job["metadata"]["uid"]
        until = time.monotonic() + spec["activeDeadlineSeconds"]
        failures = 0
        while self._lives(job):
            if any(event["involvedObject"]["uid"] == uid for event in self.events):
                time.sleep(TICK)
                continue
            if not self.plays or spec["suspend"]:
                time.sleep(TICK)
                continue
            pod = self._pod(job)
            ended = self._perform(pod, self.plays.pop(0), until)
            if ended is None:
                if self._lives(job):
                    with self.lock:
                        self._drop(pod)
                    self._end(job, "Failed", "DeadlineExceeded", "Job was active longer …")
                return
            if ended == 0:
                self._end(job, "Complete", "", "")
                return
            action, rule = _action(spec["podFailurePolicy"]["rules"], pod, ended)
            if action == "FailJob":
                name = pod["metadata"]["name"]
                told = (
                    f"Container driver for pod {NAMESPACE}/{name} failed with exit code {ended} "
                    f"matching FailJob rule at index {rule}"
                )
                self._end(job, "Failed", "PodFailurePolicy", told)
                return
            failures += action == "Count"
            job["status"]["failed"] = failures
            if failures > spec["backoffLimit"]:
                told = "Job has reached the specified backoff limit"
                self._end(job, "Failed", "BackoffLimitExceeded", told)
                return

    def _lives(self, job: Object) -> bool:
        there = self.get("Job", job["metadata"]["name"])
        return there is job and not self._closed.is_set()

    def _end(self, job: Object, kind: str, reason: str, message: str) -> None:
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        with self.lock:
            job["status"]["conditions"] = [condition]

    def _pod(self, job: Object) -> Object:
        name = f"{job['metadata']['name']}-{uuid.uuid4().hex[:5]}"
        pod: Object = {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": _now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "labels": {"job-name": job["metadata"]["name"]},
                "ownerReferences": [{"kind": "Job", "uid": job["metadata"]["uid"]}],
            },
            "spec": job["spec"]["template"]["spec"],
            "status": {"phase": "Pending", "conditions": None},
        }
        with self.lock:
            self.logs[name] = _Log()
            self.objects["Pod", name] = pod
        return pod

    def _perform(self, pod: Object, play: Play, until: float) -> int | None:
        """Do what a pod does; give its exit code, or none if its Job's deadline came first."""
        name = pod["metadata"]["name"]
        for reason, message in play.events:
            self.tell(pod["metadata"]["uid"], reason, message)
        if play.unschedulable:
            told = {"reason": "Unschedulable", "message": play.unschedulable}
            self._set(pod, conditions=[{"type": "PodScheduled", "status": "False", **told}])
        elif play.waiting:
            told = {"reason": play.waiting[0], "message": play.waiting[1]}
            self._set(pod, state={"waiting": told})
        if play.unschedulable or play.waiting or play.events:
            while time.monotonic() < until and self.get("Pod", name) is pod:
                time.sleep(TICK)
            return None
        self._set(pod, state={"waiting": {"reason": "ContainerCreating"}})
        if play.pull_seconds:
            self.tell(pod["metadata"]["uid"], "FailedMount", 'secret "nsynth" not found')
            self.tell(pod["metadata"]["uid"], "Pulling", "Pulling image", kind="Normal")
        time.sleep(TICK + play.pull_seconds)
        self._set(pod, phase="Running", state={"running": {}})
        log = self.logs[name]
        for line in play.lines:
            if time.monotonic() >= until or self.get("Pod", name) is not pod:
                log.ended = True
                return None
            # Clocks are coarse: several lines have the same time.
            now = _now()
            now = now.replace(microsecond=now.microsecond // 10_000 * 10_000)
            with self.lock:
                log.lines.append((now, line.encode()))
            time.sleep(play.pause_seconds)
        if play.disruption:
            told = {"type": "DisruptionTarget", "status": "True", "reason": play.disruption}
            self._set(pod, conditions=[{**told, "message": "the node is\ndrained"}])
        ended = {"exitCode": play.exit_code, "reason": play.reason or "Error"}
        if play.sidecar_seconds:
            with self.lock:
                self._set(pod, state={"terminated": ended})
                beside = {"name": "istio-proxy", "state": {"running": {}}}
                pod["status"]["containerStatuses"].append(beside)
                log.ended = True
            leaves = time.monotonic() + play.sidecar_seconds
            while time.monotonic() < leaves:
                if time.monotonic() >= until or self.get("Pod", name) is not pod:
                    return None
                time.sleep(TICK)
        with self.lock:
            self._set(
                pod,
                phase="Failed" if play.exit_code else "Succeeded",
                state={"terminated": ended},
            )
            log.ended = True
            if play.vanishes:
                self._drop(pod)
        return play.exit_code

    def _set(self, pod: Object, state: Object | None = None, **status: Any) -> None:
        with self.lock:
            pod["status"] |= status
            if state is not None:
                pod["status"]["containerStatuses"] = [{"name": "driver", "state": state}]

    def written(self, name: str, since: datetime | None, follow: bool) -> Iterator[bytes]:
        """Give the lines of a pod's log with their times, as the API prints them."""
        log, at = self.logs[name], 0
        while True:
            with self.lock:
                ended, lines = log.ended, log.lines[at:]
            at += len(lines)
            for when, line in lines:
                if since is None or when >= since:
                    yield when.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode() + line + b"\n"
            if not follow or (ended and not lines) or self._closed.is_set():
                return
            time.sleep(TICK)


def _action(rules: Sequence[Object], pod: Object, code: int) -> tuple[str, int]:
    """Find what the first rule of a podFailurePolicy that fits says."""
    conditions = pod["status"]["conditions"] or ()
    there = {(condition["type"], condition["status"]) for condition in conditions}
    for at, rule in enumerate(rules):
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["operator"] == "In"
            fits = code in rule["onExitCodes"]["values"]
        else:
            fits = any((c["type"], c["status"]) in there for c in rule["onPodConditions"])
        if fits:
            return rule["action"], at
    return "Count", -1


def _now() -> datetime:
    return datetime.now(UTC)
