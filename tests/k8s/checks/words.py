"""Words that only an API server would refuse, schedules, and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import available_timezones

from hdfs_jobs.errors import UsageError
from nsynth_batch.submit.checks import check_cron
from tests.k8s.rendering import Object

_EXPRESSION = frozenset(["In", "NotIn", "Exists", "DoesNotExist"])
_WORDS: dict[tuple[str, str], frozenset[str]] = {
    ("", "accessModes"): frozenset(
        ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
    ),
    ("", "concurrencyPolicy"): frozenset(["Allow", "Forbid", "Replace"]),
    ("", "fsGroupChangePolicy"): frozenset(["Always", "OnRootMismatch"]),
    ("", "imagePullPolicy"): frozenset(["Always", "IfNotPresent", "Never"]),
    ("", "policyTypes"): frozenset(["Ingress", "Egress"]),
    ("", "preemptionPolicy"): frozenset(["Never", "PreemptLowerPriority"]),
    ("", "protocol"): frozenset(["TCP", "UDP", "SCTP"]),
    ("", "restartPolicy"): frozenset(["Always", "OnFailure", "Never"]),
    ("", "terminationMessagePolicy"): frozenset(["File", "FallbackToLogsOnError"]),
    ("", "unhealthyPodEvictionPolicy"): frozenset(["IfHealthyBudget", "AlwaysAllow"]),
    ("rules", "action"): frozenset(["FailJob", "FailIndex", "Ignore", "Count"]),
    ("onExitCodes", "operator"): frozenset(["In", "NotIn"]),
    ("onPodConditions", "status"): frozenset(["True", "False", "Unknown"]),
    ("tolerations", "operator"): frozenset(["Exists", "Equal"]),
    ("tolerations", "effect"): frozenset(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ("matchExpressions", "operator"): _EXPRESSION,
    ("seccompProfile", "type"): frozenset(["RuntimeDefault", "Localhost", "Unconfined"]),
    ("service", "type"): frozenset(["ClusterIP", "NodePort", "LoadBalancer"]),
    ("strategy", "type"): frozenset(["Recreate", "RollingUpdate"]),
}
"""Allowed words by the key that they stand under and the key around that; "" is any."""

_AMOUNT = re.compile(r"\d+(\.\d+)?(m|k|[KMGTPE]i?)?")


def wrong_words(manifests: Sequence[Object]) -> Iterator[str]:
    """Find words that the API does not know."""
    for manifest in manifests:
        for around, key, value in _pairs(manifest, ""):
            known = _WORDS.get((around, key)) or _WORDS.get(("", key))
            for word in value if isinstance(value, list) else [value]:
                if known is not None and word not in known:
                    yield f"{_name(manifest)}: {key} {word!r} is none of {sorted(known)}"


def wrong_schedules(manifests: Sequence[Object]) -> Iterator[str]:
    """Find CronJobs that would never start, or more than one at once."""
    for manifest in manifests:
        if manifest["kind"] != "CronJob":
            continue
        spec = manifest["spec"]
        job = spec["jobTemplate"]["spec"]
        yield from (f"{_name(manifest)}: {what}" for what in _wrong_cron(spec["schedule"]))
        if spec.get("timeZone") not in available_timezones():
            yield f"{_name(manifest)}: {spec.get('timeZone')} is no time zone"
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{_name(manifest)}: two may run at once"
        for key in (
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        ):
            if not spec.get(key):
                yield f"{_name(manifest)}: {key} is missing"
        # The controller looks every ten seconds, and gives up on what is later than that.
        if spec.get("startingDeadlineSeconds", 0) < 60:
            yield f"{_name(manifest)}: startingDeadlineSeconds is too short to be met"
        if not job.get("activeDeadlineSeconds"):
            yield f"{_name(manifest)}: activeDeadlineSeconds is missing"


def wrong_amounts(manifests: Sequence[Object]) -> Iterator[str]:
    """Find quantities that are none, and requests above limits."""
    for manifest in manifests:
        for _, key, value in _pairs(manifest, ""):
            if key == "sizeLimit" and not _AMOUNT.fullmatch(str(value)):
                yield f"{_name(manifest)}: {value!r} is no amount"
            if key != "resources" or "storage" in value.get("requests", {}):
                continue
            for amounts in value.values():
                for name, amount in amounts.items():
                    if not _AMOUNT.fullmatch(str(amount)):
                        yield f"{_name(manifest)}: {name} {amount!r} is no amount"
                        return
            for name, amount in value.get("requests", {}).items():
                limit = value.get("limits", {}).get(name)
                if limit is not None and quantity(amount) > quantity(limit):
                    yield f"{_name(manifest)}: {name} {amount} is above its limit {limit}"


def quantity(text: str | float) -> float:
    """Read an amount: cores, or bytes."""
    number = re.match(r"[\d.]+", str(text))
    assert number, text
    unit = str(text)[number.end() :]
    if unit == "m":
        return float(number.group()) / 1000
    power = " kMGTPE".index(unit[0].replace("K", "k")) if unit else 0
    return float(number.group()) * float(1024 if unit.endswith("i") else 1000) ** power


def _wrong_cron(schedule: str) -> Iterator[str]:
    try:
        check_cron(schedule)
    except UsageError as error:
        yield str(error)


def _pairs(value: Any, around: str) -> Iterator[tuple[str, str, Any]]:
    """Give every key and its value, with the key around it; lists are looked through."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield around, key, inner
            yield from _pairs(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, around)


def _name(manifest: Object) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
