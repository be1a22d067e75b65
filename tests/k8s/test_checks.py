"""No check has a complaint; and each of them has one where a manifest is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.components.needs import need
from tests.k8s.checks import pods, references, words
from tests.k8s.rendering import Object, named, overlay

Check = Callable[[Sequence[Object]], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    words.wrong_words,
    words.wrong_schedules,
    words.wrong_amounts,
    pods.unconfined,
    pods.unlimited,
    pods.loosely_named,
    pods.wrongly_placed,
    references.dangling,
    references.mismatched,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_to_complain_of(manifests: list[Object], check: Check) -> None:
    assert not list(check(manifests))


SCHEDULER = "Deployment", "nsynth-batch-scheduler"
WORKER = "Deployment", "nsynth-batch-worker-cpu"
GPU = "Deployment", "nsynth-batch-worker-gpu"
CRON = "CronJob", "nsynth-batch-nightly"
POD = "spec", "template", "spec"
CONTAINER = *POD, "containers", 0
JOB = "spec", "jobTemplate", "spec"
GONE = object()

BREAKAGES: list[tuple[Check, tuple[str, str], tuple[str | int, ...], Any, str]] = [
    (words.wrong_words, CRON, ("spec", "concurrencyPolicy"), "Forbidden", "concurrencyPolicy"),
    (words.wrong_words, CRON, (*JOB, *POD[1:], "restartPolicy"), "No", "restartPolicy"),
    (words.wrong_words, CRON, (*JOB, "podFailurePolicy", "rules", 0, "action"), "Fail", "action"),
    (words.wrong_words, WORKER, (*CONTAINER, "imagePullPolicy"), "Sometimes", "imagePullPolicy"),
    (words.wrong_words, GPU, (*POD, "tolerations", 0, "effect"), "NoPlace", "effect"),
    (words.wrong_words, GPU, (*POD, "tolerations", 0, "operator"), "In", "operator"),
    (
        words.wrong_words,
        ("NetworkPolicy", "nsynth-batch-default-deny"),
        ("spec", "policyTypes", 0),
        "Inbound",
        "policyTypes",
    ),
    (words.wrong_schedules, CRON, ("spec", "schedule"), "0 3 * *", "0 3 * *"),
    (words.wrong_schedules, CRON, ("spec", "schedule"), "60 3 * * *", "60"),
    (words.wrong_schedules, CRON, ("spec", "timeZone"), "Europe/Atlantis", "Atlantis"),
    (words.wrong_schedules, CRON, ("spec", "concurrencyPolicy"), "Allow", "at once"),
    (words.wrong_schedules, CRON, ("spec", "startingDeadlineSeconds"), 5, "too short"),
    (words.wrong_schedules, CRON, ("spec", "failedJobsHistoryLimit"), GONE, "failedJobs"),
    (words.wrong_schedules, CRON, (*JOB, "activeDeadlineSeconds"), GONE, "activeDeadline"),
    (words.wrong_amounts, WORKER, (*CONTAINER, "resources", "limits", "memory"), "4GB", "4GB"),
    (words.wrong_amounts, WORKER, (*CONTAINER, "resources", "limits", "memory"), "3Gi", "above"),
    (pods.unconfined, WORKER, (*POD, "hostNetwork"), True, "hostNetwork"),
    (pods.unconfined, WORKER, (*POD, "automountServiceAccountToken"), True, "token"),
    (pods.unconfined, WORKER, (*POD, "volumes", 0), {"name": "work", "hostPath": {}}, "hostPath"),
    (pods.unconfined, GPU, (*POD, "securityContext", "supplementalGroups"), [0], "root"),
    (pods.unconfined, GPU, (*CONTAINER, "securityContext", "privileged"), True, "privileged"),
    (pods.unconfined, WORKER, (*CONTAINER, "securityContext", "capabilities"), {}, "capab"),
    (pods.unconfined, WORKER, (*POD, "securityContext", "runAsUser"), 0, "another user"),
    (pods.unconfined, WORKER, (*POD, "securityContext", "seccompProfile"), GONE, "seccomp"),
    (
        pods.unconfined,
        WORKER,
        (*CONTAINER, "securityContext", "readOnlyRootFilesystem"),
        GONE,
        "write",
    ),
    (
        pods.unconfined,
        WORKER,
        (*CONTAINER, "securityContext", "allowPrivilegeEscalation"),
        GONE,
        "gain",
    ),
    (
        pods.unconfined,
        ("Namespace", "nsynth-batch"),
        ("metadata", "labels", "pod-security.kubernetes.io/enforce"),
        "baseline",
        "not enforced",
    ),
    (pods.unlimited, WORKER, (*CONTAINER, "resources", "limits", "cpu"), GONE, "no cpu"),
    (pods.unlimited, WORKER, (*POD, "volumes", 0, "emptyDir"), {}, "no limit"),
    (pods.unlimited, WORKER, (*POD, "priorityClassName"), GONE, "priority"),
    (pods.loosely_named, WORKER, (*CONTAINER, "image"), "nsynth-batch-cpu:latest", "pinned"),
    (pods.loosely_named, WORKER, (*CONTAINER, "image"), "here:5000/nsynth-batch-cpu", "pinned"),
    (
        pods.wrongly_placed,
        GPU,
        (*CONTAINER, "resources", "limits", "amd.com/gpu"),
        GONE,
        "worker-gpu with [0]",
    ),
    (
        pods.wrongly_placed,
        WORKER,
        (*CONTAINER, "resources", "limits", "amd.com/gpu"),
        "1",
        "worker-cpu with ['1']",
    ),
    (pods.wrongly_placed, GPU, (*POD, "tolerations"), GONE, "GPU nodes alone"),
    (pods.wrongly_placed, GPU, (*POD, "nodeSelector"), GONE, "GPU nodes alone"),
    (pods.wrongly_placed, GPU, (*POD, "securityContext", "supplementalGroups"), GONE, "group"),
    (pods.wrongly_placed, WORKER, (*POD, "tolerations"), [{"key": "amd.com/gpu"}], "take a place"),
    (references.dangling, WORKER, (*POD, "serviceAccountName"), "other", "ServiceAccount other"),
    (references.dangling, WORKER, (*POD, "priorityClassName"), "other", "PriorityClass other"),
    (
        references.dangling,
        WORKER,
        (*POD, "volumes", 1, "secret", "secretName"),
        "other",
        "secret other",
    ),
    (
        references.dangling,
        WORKER,
        (*CONTAINER, "envFrom", 0, "configMapRef", "name"),
        "other",
        "configMap other",
    ),
    (
        references.dangling,
        ("ConfigMap", "nsynth-batch-config"),
        ("data",),
        {"other.toml": ""},
        "no nsynth-batch.toml",
    ),
    (references.dangling, WORKER, (*CONTAINER, "volumeMounts", 0, "name"), "other", "volume"),
    (
        references.dangling,
        WORKER,
        (*CONTAINER, "livenessProbe", "httpGet", "port"),
        "other",
        "livenessProbe",
    ),
    (references.dangling, WORKER, ("metadata", "namespace"), "default", "is in default"),
    (
        references.mismatched,
        WORKER,
        ("spec", "selector", "matchLabels", "app.kubernetes.io/component"),
        "worker",
        "own pods",
    ),
    (
        references.mismatched,
        ("NetworkPolicy", "nsynth-batch-workers"),
        ("spec", "podSelector"),
        {"matchLabels": {"app.kubernetes.io/component": "worker"}},
        "finds no pods",
    ),
    (
        references.mismatched,
        ("PodDisruptionBudget", "nsynth-batch-worker-cpu"),
        ("spec", "selector"),
        {"matchLabels": {"app.kubernetes.io/component": "worker"}},
        "0 disruption budgets",
    ),
    (
        references.mismatched,
        ("Service", "nsynth-batch-scheduler"),
        ("spec", "selector", "app.kubernetes.io/component"),
        "worker-cpu",
        "leads to",
    ),
    (
        references.mismatched,
        ("Service", "nsynth-batch-scheduler"),
        ("spec", "ports", 0, "targetPort"),
        "other",
        "no port other",
    ),
    (
        references.mismatched,
        CRON,
        (*JOB, "podFailurePolicy", "rules", 0, "onExitCodes", "containerName"),
        "other",
        "another container",
    ),
]


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda b: f"{b[0].__name__}-{b[4]}")
def test_what_is_broken_is_seen(
    breakage: tuple[Check, tuple[str, str], tuple[str | int, ...], Any, str],
) -> None:
    need("kubectl")
    check, (kind, name), path, value, complaint = breakage
    manifests = overlay("rocm")
    *way, last = path
    place: Any = named(manifests, kind, name)
    for key in way:
        place = place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    assert any(complaint in found for found in check(manifests)), list(check(manifests))
