"""A run as Kubernetes reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.errors import DRAINED, INFRASTRUCTURE, QUARANTINE, USAGE
from nsynth_batch.submit.job_manifest import OWNER, JobSpec, Schedule, Volume, cron_job, job
from nsynth_batch.submit.manifest_yaml import as_yaml, from_yaml

RUN = JobSpec("one", ("run", "--pairs", "64"), "nsynth-batch-cpu:0.1.0")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["1e3", "0o17", "0x1F", "no", "y", "~", "null", "1_000", "12:30:45", "2026-01-01", ".inf", "=",
     "- a", "# a", "a: b", "'", '"', "{}", "$(HOME)", "$$(HOME)", "$", "\n", " a", "a ", "\x85"]
)  # fmt: skip


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    [only] = manifest["spec"]["template"]["spec"]["containers"]
    return dict(only)


@given(words=st.lists(TEXTS, min_size=1))
def test_what_is_printed_is_read_back(words: list[str]) -> None:
    text = as_yaml({"args": words, "env": [{"name": "A", "value": words[0]}]})
    assert from_yaml(text) == {"args": words, "env": [{"name": "A", "value": words[0]}]}
    assert as_yaml(from_yaml(text)) == text


@pytest.mark.parametrize("manifest", [job(RUN), cron_job(RUN, Schedule("0 3 * * *"))])
def test_manifests_are_read_back_as_they_were(manifest: dict[str, Any]) -> None:
    assert from_yaml(as_yaml(manifest)) == manifest


@given(text=TEXTS)
def test_a_string_is_one_to_every_version_of_yaml(text: str) -> None:
    printed = as_yaml({"a": text})
    plain = re.fullmatch(r"a: ([^\"].*)\n", printed)
    # What YAML 1.1 or 1.2 could take for something else is never left without quotes.
    other = r"[-+.0-9~].*|(?i:y|yes|n|no|true|false|on|off|null)|"
    assert plain is None or not re.fullmatch(other, plain[1])


@given(words=st.lists(TEXTS, min_size=1))
def test_the_program_gets_its_words_as_they_were_given(words: list[str]) -> None:
    args = container(job(JobSpec("one", tuple(words), "image:1")))["args"]
    assert [expanded(word, {"HOME": "/work"}) for word in args] == words


def expanded(text: str, variables: dict[str, str]) -> str:
    """What Kubernetes makes of an argument: ``$$`` is a dollar, ``$(NAME)`` a variable's value."""
    return re.sub(
        r"\$\$|\$\(([^()]*)\)",
        lambda found: "$" if found[1] is None else variables.get(found[1], found[0]),
        text,
    )


def test_the_policy_is_that_of_the_exit_codes() -> None:
    rules = job(RUN)["spec"]["podFailurePolicy"]["rules"]
    by_code = {
        code: rule["action"]
        for rule in rules
        for code in rule.get("onExitCodes", {}).get("values", ())
    }
    assert by_code == {USAGE: "FailJob", QUARANTINE: "FailJob", DRAINED: "Ignore"}
    assert INFRASTRUCTURE not in by_code
    assert [rule["action"] for rule in rules if "onPodConditions" in rule] == ["Ignore"]


def test_the_pod_has_no_rights_and_writes_nowhere_but_below_work() -> None:
    pod = job(RUN)["spec"]["template"]["spec"]
    only = container(job(RUN))
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["restartPolicy"] == "Never"
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [m["mountPath"] for m in only["volumeMounts"] if not m.get("readOnly")] == ["/work"]
    assert only["resources"]["limits"] == only["resources"]["requests"]
    assert "supplementalGroups" not in pod["securityContext"]


def test_what_is_asked_for_is_in_the_pod() -> None:
    run = JobSpec(
        "one", ("run",), "image:1", fetches=True, gpus=2, groups=(44, 109), hdfs_auth="kerberos",
        environment=(("HADOOP_USER_NAME", "$(x)"),), volumes=(Volume("models", "/models"),),
        node_labels=(("gpu", "mi300"),), pull_secret="registry", priority_class="low",
    )  # fmt: skip
    made = job(run)
    pod, only = made["spec"]["template"]["spec"], container(made)
    variables = {each["name"]: each.get("value") for each in only["env"]}
    assert made["metadata"]["labels"]["app.kubernetes.io/component"] == "harvest"
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == OWNER
    assert only["resources"]["limits"]["amd.com/gpu"] == "2"
    assert pod["securityContext"]["supplementalGroups"] == [44, 109]
    assert pod["tolerations"][0]["key"] == "amd.com/gpu"
    assert variables["KRB5_CLIENT_KTNAME"] == "FILE:/etc/nsynth-batch/kerberos/krb5.keytab"
    assert variables["HADOOP_USER_NAME"] == "$$(x)"
    assert {"name": "claim-0", "mountPath": "/models"} in only["volumeMounts"]
    assert pod["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "models"}
    assert pod["nodeSelector"] == {
        "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "gpu": "mi300",
    }  # fmt: skip
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "low"


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("NSYNTH_BATCH_WORKERS", set()),
        ("NSYNTH_BATCH_CONTACT", set()),
        ("NSYNTH_BATCH_SEED", {"JOB_NAME"}),
        ("HOME", set()),
    ],
)
def test_a_variable_that_is_given_goes_before_ours(name: str, beside: set[str]) -> None:
    def variables(run: JobSpec) -> list[dict[str, Any]]:
        made = cron_job(run, Schedule("@daily"))["spec"]["jobTemplate"]
        env: list[dict[str, Any]] = container(made)["env"]
        return env

    ours = {each["name"] for each in variables(RUN)}
    given = variables(replace(RUN, environment=((name, "7"),)))
    assert sorted(each["name"] for each in given) == sorted(ours - beside)
    assert [each for each in given if each["name"] == name] == [{"name": name, "value": "7"}]


@pytest.mark.parametrize("s3", [{}, {"s3_secret": "keys"}, {"s3_secret": "k", "s3_region": "r"}])
@pytest.mark.parametrize("hdfs_auth", ["user", "kerberos", "token"])
def test_every_file_that_a_variable_names_is_mounted(hdfs_auth: Any, s3: Any) -> None:
    made = job(JobSpec("one", ("run",), "image:1", hdfs_auth=hdfs_auth, **s3))
    [settings] = [v for v in made["spec"]["template"]["spec"]["volumes"] if v["name"] == "settings"]
    files = {
        f"/etc/nsynth-batch/{item['path']}"
        for source in settings["projected"]["sources"]
        for thing in source.values()
        for item in thing["items"]
    }
    named = [each.get("value", "").removeprefix("FILE:") for each in container(made)["env"]]
    for path in named:
        if path.startswith("/etc/nsynth-batch/") and path != "/etc/nsynth-batch/kerberos":
            assert path in files


def test_where_s3_is_can_be_said_without_a_config_map() -> None:
    there = {"s3_endpoint": "http://gateway:7070", "s3_region": "eu-1"}
    for run in (RUN, replace(RUN, s3_secret="keys")):
        made = job(replace(run, **there))
        variables = {each["name"]: each.get("value") for each in container(made)["env"]}
        assert variables["AWS_ENDPOINT_URL"] == "http://gateway:7070"
        assert variables["AWS_REGION"] == "eu-1"
        assert ("AWS_SHARED_CREDENTIALS_FILE" in variables) == bool(run.s3_secret)
        assert "nsynth-batch-s3" not in str(made)
        assert ("'keys'" in str(made)) == bool(run.s3_secret)


def test_each_job_of_a_cron_job_has_a_seed_of_its_own() -> None:
    made = cron_job(RUN, Schedule("0 3 * * *", "Europe/Vienna", suspend=True))
    spec = made["spec"]
    assert (spec["timeZone"], spec["suspend"]) == ("Europe/Vienna", True)
    assert spec["concurrencyPolicy"] == "Forbid"
    inner = container(spec["jobTemplate"])["env"]
    assert inner[:-2] == container(job(RUN))["env"]
    assert inner[-2]["name"] == "JOB_NAME"
    assert inner[-1] == {"name": "NSYNTH_BATCH_SEED", "value": "name:$(JOB_NAME)"}
