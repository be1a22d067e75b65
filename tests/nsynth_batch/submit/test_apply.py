"""What is made in the cluster, what is there already, and what the server refuses."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.cli import main
from nsynth_batch.submit.apply import differences
from nsynth_batch.submit.job_manifest import JobSpec, Schedule, cron_job, job
from tests.components.kubernetes import Kubernetes, Play, Refusal
from tests.nsynth_batch.submit.conftest import Submit

IMAGE = "nsynth-batch-cpu:0.1.0"


@pytest.mark.parametrize("flags", [(), ("--cron", "0 3 * * *", "--time-zone", "Europe/Vienna")])
def test_what_is_rendered_is_what_is_sent(
    flags: tuple[str, ...], kubernetes: Kubernetes, submit: Submit
) -> None:
    rendered = submit("--render", *flags)
    assert (rendered.code, rendered.err, kubernetes.bodies) == (0, "", [])
    assert submit("--detach", *flags).code == 0
    assert kubernetes.bodies == [("POST", rendered.out)]


def test_detach_ends_once_the_job_is_there(kubernetes: Kubernetes, submit: Submit) -> None:
    done = submit("--detach", "--name", "one")
    assert (done.code, done.out, done.err) == (0, "job.batch/one created\n", "")
    assert kubernetes.get("Job", "one") is not None


def test_the_same_job_under_way_is_followed_instead_of_made(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    assert submit("--detach").code == 0
    kubernetes.plays = [Play(["a line"] * 30, pause_seconds=0.02)]
    done = submit()
    assert (done.code, done.out) == (0, "a line\n" * 30)
    assert done.err.splitlines()[0].endswith("found")


def test_another_job_of_the_name_is_left_alone(kubernetes: Kubernetes, submit: Submit) -> None:
    assert submit("--detach", "--name", "one").code == 0
    done = submit("--name", "one", "--memory", "8Gi")
    assert done.code == 2
    assert "job one is there already and under way, and differs in" in done.last
    assert ".resources.requests.memory" in done.last
    done = submit("--name", "one", "--memory", "4096Mi", "--detach")
    assert (done.code, done.out) == (0, "job.batch/one found\n")


def test_a_job_that_is_over_is_made_anew_where_that_is_asked_for(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.plays = [Play(["first"], 3), Play(["second"])]
    assert submit("--name", "one").code == 3
    done = submit("--name", "one")
    assert done.code == 2
    assert "job one is there already, and over: --replace makes it anew" in done.last
    done = submit("--name", "one", "--replace")
    assert (done.code, done.out) == (0, "second\n")


@pytest.mark.parametrize("flags", [(), ("--cron", "@daily")])
@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"labels": None}, "an unknown program"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"ownerReferences": [{"kind": "CronJob", "name": "nightly"}]}, "CronJob nightly"),
        (
            {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "kubectl apply",
        ),
        ({"managedFields": [{"manager": "flux", "operation": "Apply"}]}, "flux"),
    ],
)
def test_what_is_not_of_submit_is_never_touched(
    metadata: dict[str, Any],
    owner: str,
    flags: tuple[str, ...],
    kubernetes: Kubernetes,
    submit: Submit,
) -> None:
    run = JobSpec("one", ("run",), IMAGE)
    thing = cron_job(run, Schedule("@daily")) if flags else job(run)
    kubernetes.add({**thing, "metadata": thing["metadata"] | metadata})
    done = submit("--name", "one", "--replace", *flags)
    assert done.code == 2
    assert f"is there already, and it is not of submit but of {owner}: give another" in done.last
    assert [method for method, _ in kubernetes.bodies] == ["POST"]


def test_a_cron_job_is_changed_only_as_asked(kubernetes: Kubernetes, submit: Submit) -> None:
    flags = ("--name", "nightly", "--cron")
    assert submit(*flags, "0 3 * * *").out == "cronjob.batch/nightly created\n"
    assert submit(*flags, "0 3 * * *").out == "cronjob.batch/nightly unchanged\n"
    done = submit(*flags, "0 4 * * *", "--suspend")
    assert done.code == 2
    assert "differs in spec.schedule, spec.suspend: --replace updates it" in done.last
    done = submit(*flags, "0 4 * * *", "--suspend", "--replace")
    assert done.out == "cronjob.batch/nightly updated\n"
    spec = kubernetes.objects["CronJob", "nightly"]["spec"]
    assert (spec["schedule"], spec["suspend"]) == ("0 4 * * *", True)


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (("--gpus", "1"), "tolerations"),
        (("--gpus", "1"), "amd.com/gpu"),
        (("--group", "44"), "supplementalGroups"),
        (("--node-label", "gpu=yes"), "nodeSelector.gpu"),
        (("--pull-secret", "old"), "imagePullSecrets"),
        (("--priority-class", "high"), "priorityClassName"),
        (("--env", "A=1"), "env"),
        (("--volume", "models:/models"), "volumes"),
    ],
)
def test_what_is_asked_for_no_more_is_taken_back(
    flags: tuple[str, ...], field: str, kubernetes: Kubernetes, submit: Submit
) -> None:
    nightly = ("--name", "nightly", "--cron", "@daily")
    assert submit(*nightly, *flags).code == 0
    before = kubernetes.objects["CronJob", "nightly"]["spec"]
    assert field in "\n".join(differences(job(JobSpec("one", ("run",), IMAGE))["spec"],
                                          before["jobTemplate"]["spec"]))  # fmt: skip
    done = submit(*nightly)
    assert (done.code, "differs in" in done.last) == (2, True)
    assert submit(*nightly, "--replace").out == "cronjob.batch/nightly updated\n"
    assert submit(*nightly).out == "cronjob.batch/nightly unchanged\n"


def test_a_cron_job_that_changes_meanwhile_is_not_overwritten(
    kubernetes: Kubernetes, submit: Submit
) -> None:
    flags = ("--name", "nightly", "--cron")
    assert submit(*flags, "0 3 * * *").code == 0
    kubernetes.refusals = [Refusal("PUT", "nightly", 409, "the object has been modified")]
    done = submit(*flags, "0 4 * * *", "--replace")
    assert done.code == 2
    assert "the object has been modified" in done.last


@pytest.mark.parametrize(
    ("status", "message", "code", "words"),
    [
        (401, "Unauthorized", 2, "does not know who asks (Unauthorized): renew the kubeconfig"),
        (403, 'jobs.batch is forbidden: User "x" cannot create', 2, "missing rights: jobs.batch"),
        (403, "exceeded quota: jobs, used: count/jobs.batch=5", 75, "quota is used up: exceeded"),
        (403, 'admission webhook "policy" denied the request', 2, "policy refuses it: admission"),
        (422, 'Job.batch "one" is invalid: spec: too odd', 2, 'refused: Job.batch "one"'),
        (429, "too many requests", 75, "cannot answer now (429)"),
        (500, "etcd has no leader", 75, "cannot answer now (500)"),
        (503, "", 75, "cannot answer now (503)"),
    ],
)
def test_what_the_server_refuses_is_one_line(
    status: int, message: str, code: int, words: str, kubernetes: Kubernetes, submit: Submit
) -> None:
    kubernetes.refusals = [Refusal("POST", "/jobs", status, message)]
    done = submit()
    assert done.code == code
    assert words in done.last
    assert done.err.count("\n") == 1


def test_a_namespace_that_is_missing(kubernetes: Kubernetes, submit: Submit) -> None:
    done = submit("--namespace", "elsewhere")
    assert done.code == 2
    assert 'not there: namespaces "elsewhere" not found' in done.last


def test_a_job_to_follow_that_is_missing(kubernetes: Kubernetes, submit: Submit) -> None:
    done = submit("--follow", "nobody", command=())
    assert done.code == 2
    assert 'jobs.batch "nobody" not found' in done.last


def test_a_token_that_the_server_does_not_know(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.write_kubeconfig("another")
    assert submit().code == 2


def test_a_server_that_does_not_answer(kubernetes: Kubernetes, submit: Submit) -> None:
    kubernetes.stop()
    done = submit()
    assert done.code == 75
    assert f"{kubernetes.url} does not answer" in done.last
    assert done.err.count("\n") == 1


def test_a_server_of_another_authority_is_not_trusted(
    kubernetes: Kubernetes, submit: Submit, tmp_path: Path
) -> None:
    with Kubernetes(tmp_path / "other") as other:
        config = yaml.safe_load(kubernetes.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = other.url
        kubernetes.kubeconfig.write_text(yaml.safe_dump(config))
        done = submit()
    assert done.code == 75
    assert "certificate" in done.last.lower()


def test_a_server_that_is_no_kubernetes(kubernetes: Kubernetes, submit: Submit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = yaml.safe_load(kubernetes.kubeconfig.read_text())
        where = {"server": f"http://127.0.0.1:{server.getsockname()[1]}"}
        config["clusters"][0]["cluster"] = where
        kubernetes.kubeconfig.write_text(yaml.safe_dump(config))

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        threading.Thread(target=answer, daemon=True).start()
        done = submit("--detach")
    assert done.code == 75
    assert "does not answer as Kubernetes does" in done.last


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("", ()),
        ("- a list", ()),
        ("{}", ()),
        ("clusters: [", ()),
        (None, ()),
        (Ellipsis, ("--context", "nowhere")),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(
    text: Any, flags: tuple[str, ...], kubernetes: Kubernetes, submit: Submit
) -> None:
    if text is None:
        kubernetes.kubeconfig.unlink()
    elif text is not Ellipsis:
        kubernetes.kubeconfig.write_text(text)
    done = submit(*flags)
    assert done.code == 2
    assert f"{kubernetes.kubeconfig} is no kubeconfig that can be used" in done.last
    assert done.err.count("\n") == 1


def test_the_kubeconfig_of_the_environment_and_another_context(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    assert main(["submit", "--detach", "--context", "tests", "run"]) == 0


def test_without_the_client_it_renders_and_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['kubernetes'] = None\n"
        "from nsynth_batch.cli import main\n"
        "assert main(['submit', '--render', 'run']) == 0\n"
        "sys.exit(main(['submit', 'run']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("apiVersion: batch/v1\n")
    assert "pip install 'nsynth-batch[kubernetes]'" in done.stderr


THINGS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["1Gi", "1024Mi", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(thing=THINGS)
def test_nothing_differs_from_itself(thing: Any) -> None:
    assert list(differences(thing, thing)) == []


@given(wanted=st.dictionaries(st.sampled_from("abc"), THINGS), more=THINGS)
def test_what_a_server_adds_does_not_count(wanted: dict[str, Any], more: Any) -> None:
    assert list(differences(wanted, {**wanted, "added": more})) == []


def test_differences_are_named() -> None:
    wanted = {"a": [{"b": 1}, {"c": "1Gi"}], "d": 4, "e": False}
    assert list(differences(wanted, {"a": [{"b": 2}, {"c": "1024Mi"}], "f": 1})) == ["a[0].b", "d"]
    assert list(differences(wanted, {"a": [{"b": 1}], "d": 4})) == ["a"]
