"""The part of the Kubernetes API that `submit` needs: a server with a Job controller of our own.

What a pod does is written down as a `Play`. What becomes of the Job follows from its manifest by
the rules of Kubernetes: podFailurePolicy, backoffLimit and activeDeadlineSeconds are obeyed here
as they are there.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.components.certificates import Authority

TOKEN = "a token for tests"
NAMESPACE = "nsynth-batch"
Object = dict[str, Any]

_BATCH = re.compile(r"/apis/batch/v1/namespaces/([^/]+)/(jobs|cronjobs)(?:/([^/]+))?")
_CORE = re.compile(r"/api/v1/namespaces/([^/]+)/(pods|events)(?:/([^/]+)/log)?")
_KINDS = {"jobs": "Job", "cronjobs": "CronJob"}
_TICK = 0.02


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


@dataclass
class Refusal:
    """Requests that are answered with an error.

    Attributes
    ----------
    method, path
        Which: the path holds the text.
    status, message
        The answer; status 0 closes the connection instead.
    times
        How often.
    """

    method: str
    path: str
    status: int
    message: str
    times: int = 1_000_000


@dataclass
class _Log:
    lines: list[tuple[datetime, bytes]] = field(default_factory=list)
    ended: bool = False


class Kubernetes:
    """A cluster, from entering to leaving.

    Parameters
    ----------
    folder : Path
        For certificates and the kubeconfig.
    plays : sequence of Play
        Of the pods, in the order that they are made.

    Attributes
    ----------
    kubeconfig : Path
        Whose token the server knows.
    plays, refusals, cuts
        To be changed at any time; a cut is the number of bytes after which a log breaks off.
    objects : dict
        What there is, by kind and name.
    bodies : list of (str, str)
        Methods and texts that came.
    events : list
        All that was told.
    log_requests : list of dict
        The queries that logs were asked with.
    namespaces : set of str
        Those that exist.
    """

    def __init__(self, folder: Path, plays: Sequence[Play] = ()) -> None:
        self.plays = list(plays)
        self.refusals: list[Refusal] = []
        self.cuts: list[int] = []
        self.objects: dict[tuple[str, str], Object] = {}
        self.bodies: list[tuple[str, str]] = []
        self.events: list[Object] = []
        self.log_requests: list[dict[str, str]] = []
        self.namespaces = {NAMESPACE}
        self.token = TOKEN
        self.lock = threading.RLock()
        self.logs: dict[str, _Log] = {}
        authority = Authority(folder)
        own = authority.issue("kubernetes")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self.kubeconfig = folder / "kubeconfig"
        self._authority = authority.certificate
        self.write_kubeconfig()
        self._closed = threading.Event()

    def write_kubeconfig(self, token: str = TOKEN) -> None:
        """Write the kubeconfig anew, with a token."""
        cluster = {"server": self.url, "certificate-authority": str(self._authority)}
        context = {"cluster": "here", "user": "operator"}
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "operator", "user": {"token": token}}],
                    "contexts": [{"name": "tests", "context": context}],
                    "current-context": "tests",
                }
            )
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(_TICK,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more."""
        if not self._closed.is_set():
            self._closed.set()
            self._server.shutdown()
            self._server.server_close()

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
                time.sleep(_TICK)
                continue
            if not self.plays or spec["suspend"]:
                time.sleep(_TICK)
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
                time.sleep(_TICK)
            return None
        self._set(pod, state={"waiting": {"reason": "ContainerCreating"}})
        if play.pull_seconds:
            self.tell(pod["metadata"]["uid"], "FailedMount", 'secret "nsynth" not found')
            self.tell(pod["metadata"]["uid"], "Pulling", "Pulling image", kind="Normal")
        time.sleep(_TICK + play.pull_seconds)
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
            time.sleep(_TICK)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that leaves in the middle is what tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


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


def _handler(cluster: Kubernetes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer("GET")

        def do_POST(self) -> None:
            self.answer("POST")

        def do_PUT(self) -> None:
            self.answer("PUT")

        def do_DELETE(self) -> None:
            self.answer("DELETE")

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the tests' own output."""

        def answer(self, method: str) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            split = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(split.query).items()}
            if cluster.stopped:
                self.close_connection = True
                return None
            if self.headers.get("Authorization") != f"Bearer {cluster.token}":
                return self.refuse(401, "Unauthorized")
            for refusal in cluster.refusals:
                if (method, True) == (refusal.method, refusal.path in split.path) and refusal.times:
                    refusal.times -= 1
                    if refusal.status == 0:
                        self.close_connection = True
                        return None
                    return self.refuse(refusal.status, refusal.message)
            if text:
                cluster.bodies.append((method, text))
            if found := _BATCH.fullmatch(split.path):
                if found[1] not in cluster.namespaces:
                    return self.refuse(404, f'namespaces "{found[1]}" not found')
                return self.batch(method, found[2], found[3], text)
            found = _CORE.fullmatch(split.path)
            if found is None or method != "GET":
                return self.refuse(404, "the server could not find the requested resource")
            if found[3]:
                return self.log(found[3], query)
            return self.listed(found[2], query)

        def batch(self, method: str, resource: str, name: str | None, text: str) -> None:
            kind = _KINDS[resource]
            given = yaml.safe_load(text) if text else None
            name = name or given["metadata"]["name"]
            with cluster.lock:
                there = cluster.objects.get((kind, name))
                if method == "POST":
                    if there is not None:
                        return self.refuse(409, f'{resource}.batch "{name}" already exists')
                    return self.send(201, cluster.add(given))
                if there is None:
                    return self.refuse(404, f'{resource}.batch "{name}" not found')
                metadata = there["metadata"]
                if method == "PUT":
                    if given["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
                        return self.refuse(409, "the object has been modified")
                    there["spec"] = given["spec"]
                    metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
                if method == "DELETE":
                    if given["preconditions"]["uid"] != metadata["uid"]:
                        return self.refuse(409, "the UID in the precondition is another")
                    cluster.remove(kind, name)
                return self.send(200, there)

        def listed(self, what: str, query: dict[str, str]) -> None:
            with cluster.lock:
                if what == "events":
                    uid = query["fieldSelector"].removeprefix("involvedObject.uid=")
                    found = [e for e in cluster.events if e["involvedObject"]["uid"] == uid]
                else:
                    job = query["labelSelector"].removeprefix("job-name=")
                    pods = [o for (kind, _), o in cluster.objects.items() if kind == "Pod"]
                    found = [p for p in pods if p["metadata"]["labels"]["job-name"] == job]
                self.send(200, {"kind": "List", "items": found})

        def log(self, name: str, query: dict[str, str]) -> None:
            cluster.log_requests.append(query)
            if ("Pod", name) not in cluster.objects:
                return self.refuse(404, f'pods "{name}" not found')
            since = query.get("sinceTime")
            begin = None if since is None else datetime.fromisoformat(since)
            room = cluster.cuts.pop(0) if cluster.cuts else None
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            assert query["timestamps"] == "true"
            for line in cluster.written(name, begin, query["follow"] == "true"):
                part = line if room is None else line[:room]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                if room is not None:
                    room -= len(part)
                    if room == 0:
                        self.close_connection = True
                        return None
            self.wfile.write(b"0\r\n\r\n")
            return None

        def refuse(self, status: int, message: str) -> None:
            self.send(status, {"kind": "Status", "code": status, "message": message})

        def send(self, status: int, answer: Object) -> None:
            with cluster.lock:
                body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
