"""A Job followed to its end by the real client; the cluster's pods do as they are told."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nsynth_batch.submit.job_manifest import JobSpec, job
from tests.components.kubernetes import Kubernetes, Play, Refusal
from tests.nsynth_batch.submit.conftest import Submit
from tests.waiting import until


def test_a_run_is_followed_and_ends_as_it_ended(kubernetes: Kubernetes, submit: Submit) -> None:
    lines = [f"line {i}" for i in range(50)]
    kubernetes.plays = [Play(lines, pause_seconds=0.002)]
    done = submit("--name", "nightly")
    assert done.code == 0
    assert done.out.splitlines() == lines
    assert done.err.splitlines() == [
        "submit: job nightly in namespace nsynth-batch created",
        "submit: job nightly succeeded",
    ]


def test_no_line_is_lost_or_told_twice_however_the_log_breaks_off(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    draw = random.Random(7)
    lines = [draw.choice(["same", "same", "", f"line {i}", "ünïcode …"]) for i in range(120)]
    kubernetes.plays = [Play(lines, pause_seconds=0.002)]
    # What was sent shortly before comes again each time, so a connection has to bear more and more.
    kubernetes.cuts = [draw.randint(350 * i, 350 * i + 300) for i in range(1, 11)]
    done = submit()
    assert done.code == 0
    assert done.out.splitlines() == lines
    assert not kubernetes.cuts
    assert all("sinceTime" in query for query in kubernetes.log_requests[3:])


@pytest.mark.parametrize("code", [2, 3])
def test_what_no_other_try_mends_ends_at_once_with_its_code(
    code: int, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["nsynth-batch: too many"], code), Play()]
    done = submit("--name", "one")
    assert done.code == code
    assert done.last == (
        f"nsynth-batch: job one failed: its run ended with {code}, which no other try mends"
    )
    assert len(kubernetes.plays) == 1


def test_the_next_pod_takes_over_and_is_followed(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [
        Play(["first"], 75),
        Play(["second"], 143, disruption="EvictionByEvictionAPI"),
        Play(["third"], 143),
        Play(["fourth"]),
    ]
    done = submit("--retries", "1", "--name", "one")
    assert done.code == 0
    assert done.out.split() == ["first", "second", "third", "fourth"]
    told = [line.split(maxsplit=3)[3] for line in done.err.splitlines()[1:-1]]
    assert told == [
        "ended with 75",
        "takes over, number 2 of this job",
        "ended with 143 (EvictionByEvictionAPI: the node is drained)",
        "takes over, number 3 of this job",
        "ended with 143",
        "takes over, number 4 of this job",
    ]


@pytest.mark.parametrize(
    ("play", "code", "words"),
    [
        (Play(exit_code=75), 75, "failed for good after 2 pods: the last one ended with 75"),
        (Play(exit_code=1), 1, "failed for good after 2 pods: the last one ended with 1"),
        (Play(exit_code=137), 75, "the last one ended with 137"),
        (
            Play(exit_code=137, reason="OOMKilled"),
            75,
            "ran out of memory (OOMKilled); give it more --memory than 4Gi",
        ),
        (Play(exit_code=128, reason="StartError"), 2, "nsynth-batch-cpu:0.1.0 does not start"),
    ],
)
def test_a_run_that_fails_each_time(
    play: Play, code: int, words: str, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [play] * 5
    done = submit("--retries", "1", "--image", "nsynth-batch-cpu:0.1.0")
    assert done.code == code
    assert words in done.last


def test_the_deadline_is_told_from_failure(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["line"] * 1000, pause_seconds=0.01)]
    done = submit("--deadline", "1", "--name", "one")
    assert done.code == 75
    assert "longer than its deadline of 1 s; what is committed stays" in done.last


@pytest.mark.parametrize(
    ("play", "code", "words"),
    [
        (
            Play(waiting=("ErrImagePull", "manifest unknown")),
            2,
            "cannot be pulled (ErrImagePull): manifest unknown; correct --image",
        ),
        (
            Play(waiting=("ImagePullBackOff", "Back-off"), events=[("Failed", "not found")]),
            2,
            "cannot be pulled (ImagePullBackOff)",
        ),
        (
            Play(waiting=("ErrImagePull", "connection refused")),
            75,
            "cannot be pulled (ErrImagePull): connection refused; given up",
        ),
        (Play(waiting=("InvalidImageName", "couldn't parse")), 2, "InvalidImageName"),
        (
            Play(waiting=("CreateContainerConfigError", 'secret "nsynth" not found')),
            2,
            'lacks what it is configured with: secret "nsynth" not found',
        ),
        (Play(waiting=("CreateContainerError", "runtime is down")), 75, "runtime is down"),
        (
            Play(unschedulable="0/3 nodes are available: 3 Insufficient cpu."),
            75,
            "finds no node: 0/3 nodes are available: 3 Insufficient cpu.; given up after",
        ),
        (
            Play(events=[("FailedMount", 'configmap "nsynth-batch-config" not found')]),
            2,
            'lacks a volume: configmap "nsynth-batch-config" not found',
        ),
        (Play(events=[("FailedMount", "timed out")]), 75, "lacks a volume: timed out"),
        (
            Play(unschedulable='0/3 nodes are available: persistentvolumeclaim "a" not found.'),
            2,
            'persistentvolumeclaim "a" not found.; correct --volume',
        ),
        (Play(events=[("FailedCreatePodSandBox", "no network")]), 75, "no network"),
    ],
)
def test_a_pod_that_does_not_start_is_given_up_and_its_job_removed(
    play: Play, code: int, words: str, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [play]
    done = submit("--start-timeout", "0.6", "--name", "one")
    assert done.code == code
    assert words in done.last
    assert done.last.endswith("; the job was removed")
    assert kubernetes.get("Job", "one") is None


def test_a_job_that_has_begun_has_till_its_deadline_to_find_a_node_again(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [
        Play(["first"], 143, disruption="PreemptionByScheduler"),
        Play(unschedulable="no room"),
    ]
    done = submit("--start-timeout", "0.3", "--deadline", "3", "--name", "one")
    assert (done.code, done.out) == (75, "first\n")
    assert "longer than its deadline of 3 s" in done.last
    assert kubernetes.get("Job", "one") is not None


def test_a_job_that_has_begun_is_never_removed(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["first"], 75), Play(waiting=("ErrImagePull", "manifest unknown"))]
    done = submit("--start-timeout", "0.3", "--name", "one")
    assert (done.code, done.out) == (2, "first\n")
    assert "manifest unknown" in done.last
    assert "--follow one --namespace nsynth-batch` follows it again" in done.last
    assert kubernetes.get("Job", "one") is not None


def test_an_image_that_is_long_in_coming_is_waited_for(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["begun"], pull_seconds=1.2)]
    done = submit("--start-timeout", "0.6")
    assert (done.code, done.out) == (0, "begun\n")
    assert done.err.count("its image is pulled") == 1


def test_rights_that_are_missing_to_follow_leave_the_job(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.refusals = [Refusal("GET", "/pods", 403, "pods is forbidden")]
    done = submit("--name", "one")
    assert done.code == 2
    assert "missing rights: pods is forbidden" in done.last
    assert done.last.endswith("job one goes on unseen")
    assert kubernetes.get("Job", "one") is not None


def test_trouble_that_passes_is_waited_for(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(unschedulable="no room")]

    def make_room() -> None:
        until(lambda: kubernetes.get("Job", "one") is not None)
        [pod] = until(lambda: kubernetes.pods(kubernetes.objects["Job", "one"]["metadata"]["uid"]))
        time.sleep(0.5)  # the follower sees the trouble in the meantime
        kubernetes.plays = [Play(["at last"])]
        with kubernetes.lock:
            kubernetes.objects.pop(("Pod", pod["metadata"]["name"]))
            again = kubernetes.objects.pop(("Job", "one"))
            metadata = again["metadata"]
            kubernetes.add(again)
            kubernetes.objects["Job", "one"]["metadata"] |= {"uid": metadata["uid"]}

    with ThreadPoolExecutor() as pool:
        made = pool.submit(make_room)
        done = submit("--name", "one", "--start-timeout", "20")
        made.result()
    assert (done.code, done.out) == (0, "at last\n")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ('pods "one" is forbidden: exceeded quota: small, requested: cpu=2', 75),
        ('pods "one" is forbidden: violates PodSecurity "restricted:latest"', 2),
        ('pods "one" is forbidden: error looking up service account: not found', 2),
    ],
)
def test_a_job_that_may_not_have_a_pod(
    told: str, code: int, kubernetes: Kubernetes, submit: Submit
) -> None:
    def tell() -> None:
        until(lambda: kubernetes.get("Job", "one"))
        kubernetes.tell(kubernetes.objects["Job", "one"]["metadata"]["uid"], "FailedCreate", told)

    threading.Thread(target=tell, daemon=True).start()
    done = submit("--start-timeout", "0.6", "--name", "one")
    assert done.code == code
    assert f"job one may not have a pod: {told}" in done.last


def test_a_pod_that_is_gone_with_its_log_is_told(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [
        Play(["a"] * 30, 143, vanishes=True, pause_seconds=0.02),
        Play(["b"]),
    ]
    done = submit()
    assert done.code == 0
    assert done.out.split()[-1] == "b"
    assert "was taken away" in done.err


def test_a_job_that_is_deleted_meanwhile(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["line"] * 1000, pause_seconds=0.01)]

    def delete() -> None:
        until(lambda: kubernetes.log_requests)
        kubernetes.remove("Job", "one")

    threading.Thread(target=delete, daemon=True).start()
    done = submit("--name", "one")
    assert done.code == 75
    assert "job one was deleted while it was followed" in done.last


def test_a_log_that_may_not_be_read_is_said_once_and_the_job_followed(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["unseen"], 75), Play(["unseen"], 3)]
    kubernetes.refusals = [Refusal("GET", "/log", 403, "cannot get resource pods/log")]
    done = submit()
    assert (done.code, done.out) == (3, "")
    assert done.err.count("the log cannot be followed") == 1


def test_the_last_lines_are_read_again_when_the_node_does_not_answer(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["one", "two"])]
    kubernetes.refusals = [Refusal("GET", "/log", 500, "dial tcp: i/o timeout", times=3)]
    done = submit()
    assert (done.code, done.out) == (0, "one\ntwo\n")


def test_a_log_that_is_lost_is_said(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["one", "two"], 3)]
    kubernetes.refusals = [Refusal("GET", "/log", 500, "dial tcp: i/o timeout")]
    done = submit()
    assert (done.code, done.out) == (3, "")
    assert "warning: the end of the log of pod" in done.err


@pytest.mark.parametrize("status", [0, 503])
def test_an_api_server_that_fails_for_a_while_is_asked_again(
    status: int, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play([str(i) for i in range(20)], pause_seconds=0.01)]
    kubernetes.refusals = [Refusal("GET", "/jobs/", status, "etcd has no leader", times=4)]
    done = submit()
    assert (done.code, done.out.split()) == (0, [str(i) for i in range(20)])
    assert done.err.count("trying again") == 1


def test_an_api_server_that_is_gone_for_good_ends_with_75(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["line"] * 1000, pause_seconds=0.01)]

    def stop() -> None:
        until(lambda: kubernetes.log_requests)
        kubernetes.stop()

    threading.Thread(target=stop, daemon=True).start()
    done = submit("--patience", "0.5", "--name", "one")
    assert done.code == 75
    assert "does not answer" in done.last
    assert "--follow one --namespace nsynth-batch` follows it again" in done.last


def test_a_token_that_ran_out_is_read_anew(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["line"] * 100, pause_seconds=0.01)]

    def renew() -> None:
        until(lambda: kubernetes.log_requests)
        kubernetes.write_kubeconfig("a new token")
        kubernetes.token = "a new token"

    threading.Thread(target=renew, daemon=True).start()
    done = submit()
    assert (done.code, done.out.count("line")) == (0, 100)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_job_alone_and_says_how_to_go_on(
    number: signal.Signals, code: int, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play([f"line {i}" for i in range(400)], pause_seconds=0.01)]
    with subprocess.Popen(
        [sys.executable, "-m", "nsynth_batch", "submit", "--kubeconfig", kubernetes.kubeconfig,
         "--name", "one", "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "line 0\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == code
    assert told.splitlines()[1:] == [
        "nsynth-batch: left; job one goes on: `nsynth-batch submit --follow one --namespace "
        "nsynth-batch` follows it, `kubectl delete job one -n nsynth-batch` ends it"
    ]
    done = submit("--follow", "one", command=())
    assert done.code == 0
    assert done.out.splitlines() == [f"line {i}" for i in range(400)]


def test_following_what_is_over_tells_all_of_it(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.plays = [Play(["a", "b"], 3)]
    first = submit("--name", "one")
    again = submit("--follow", "one", command=())
    assert (again.code, again.out, again.last) == (3, first.out, first.last)


def test_a_job_that_is_held_back_is_waited_for(kubernetes: Kubernetes, submit: Submit) -> None:
    held = kubernetes.add(job(JobSpec("held", ("run",), "nsynth-batch-cpu:0.1.0")))
    held["spec"]["suspend"] = True
    kubernetes.plays = [Play(["begun"])]

    def resume() -> None:
        time.sleep(1.5)  # the follower sees a suspended Job in the meantime
        held["spec"]["suspend"] = False

    threading.Thread(target=resume, daemon=True).start()
    done = submit("--follow", "held", "--start-timeout", "0.8", command=())
    assert (done.code, done.out) == (0, "begun\n")
    assert done.err.count("job held is suspended") == 1


def test_a_reader_that_closes_ends_the_following(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.plays = [Play(["line"] * 1000, pause_seconds=0.005)]
    with subprocess.Popen(
        [sys.executable, "-m", "nsynth_batch", "submit",
         "--kubeconfig", kubernetes.kubeconfig, "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=20) != 0
