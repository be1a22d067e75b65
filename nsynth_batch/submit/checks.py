"""What Kubernetes would refuse, refused before anything is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.settings import refuse_unknown_variables
from nsynth_batch.submit.job_manifest import SETTINGS_FOLDER, WORK_FOLDER, JobSpec, Schedule, Volume

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_LONGEST_JOB = 63
_LONGEST_CRON_JOB = 52
"""Eleven characters less than a Job's: each Job adds its minute."""
_LONGEST_SUBDOMAIN = 253

_QUANTITY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_ENDPOINT = re.compile(r"https?://(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?(/[^\s?#]*)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_A_LABEL = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VALUE_OF_A_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
_IMAGE = re.compile(r"[a-z0-9]([A-Za-z0-9._/-]|:(?=[0-9]+/))*:([A-Za-z0-9_][A-Za-z0-9._-]{0,127})")

_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(\*|\?|([a-z]+|[0-9]+)(-([a-z]+|[0-9]+))?)(/([0-9]+))?")


def default_name(words: Sequence[str], image: str) -> str:
    """Return the name of a run that was given none: the same for the same command and image."""
    digest = hashlib.sha256("\0".join([*words, image]).encode("utf-8", "surrogateescape"))
    return f"nsynth-batch-{words[0]}-{digest.hexdigest()[:10]}"


def check_run(run: JobSpec, schedule: Schedule | None = None) -> None:
    """Refuse a run that Kubernetes would refuse, or that means something else tomorrow.

    Raises
    ------
    UsageError
        With the flag that is wrong.
    """
    check_where(run.name, run.namespace, _LONGEST_JOB if schedule is None else _LONGEST_CRON_JOB)
    _check_image(run.image)
    for flag, amount in (("cpu", run.cpu), ("memory", run.memory), ("scratch", run.scratch)):
        if not _QUANTITY.fullmatch(amount):
            raise UsageError(f"--{flag} {amount}: give an amount as 4, 500m or 8Gi")
    if run.pull_secret:
        _check_subdomain("--pull-secret", run.pull_secret)
    if run.s3_secret:
        _check_subdomain("--s3-secret", run.s3_secret)
    if run.s3_endpoint and not _ENDPOINT.fullmatch(run.s3_endpoint):
        raise UsageError(f"--s3-endpoint {run.s3_endpoint}: give it as https://s3.example.org")
    if run.s3_region and not _LABEL.fullmatch(run.s3_region):
        raise UsageError(f"--s3-region {run.s3_region}: give it as eu-central-1")
    if run.priority_class:
        _check_subdomain("--priority-class", run.priority_class)
    paths = [volume.path for volume in run.volumes]
    if len(set(paths)) < len(paths):
        raise UsageError("two --volume have the same path")
    if schedule is not None:
        check_cron(schedule.cron)
        _check_time_zone(schedule.time_zone)


def check_where(name: str, namespace: str, longest: int = _LONGEST_JOB) -> None:
    """Refuse names that are no DNS labels, or too long for what Kubernetes puts behind them."""
    for flag, given, most in (("name", name, longest), ("namespace", namespace, _LONGEST_JOB)):
        if len(given) > most or not _LABEL.fullmatch(given):
            raise UsageError(
                f"--{flag} {given}: give at most {most} of a-z, 0-9 and -, with a letter or digit "
                "at both ends"
            )


def variable_of(given: str) -> tuple[str, str]:
    """Take NAME=VALUE apart; a variable of this program's has to be a setting."""
    name, equals, value = given.partition("=")
    if not equals or not _VARIABLE.fullmatch(name):
        raise UsageError(f"--env {given}: give NAME=VALUE")
    refuse_unknown_variables([name])
    return name, value


def label_of(given: str) -> tuple[str, str]:
    """Take a node's LABEL=VALUE apart."""
    name, equals, value = given.partition("=")
    if not (equals and _OF_A_LABEL.fullmatch(name) and _VALUE_OF_A_LABEL.fullmatch(value)):
        raise UsageError(f"--node-label {given}: give LABEL=VALUE")
    return name, value


def volume_of(given: str) -> Volume:
    """Take CLAIM:PATH apart."""
    claim, _, path = given.partition(":")
    if not path.startswith("/") or {".", "..", ""} & set(path.split("/")[1:]) or ":" in path:
        raise UsageError(f"--volume {given}: give CLAIM:/PATH")
    if any(f"{path}/".startswith(f"{taken}/") for taken in (WORK_FOLDER, SETTINGS_FOLDER)):
        raise UsageError(f"--volume {given}: {path} is the pod's own; mount it elsewhere")
    _check_subdomain("--volume", claim)
    return Volume(claim, path)


def check_cron(cron: str) -> None:
    """Refuse a schedule that the CronJob controller would not take.

    Raises
    ------
    UsageError
        With the field that is wrong.
    """
    if cron in _MACROS or re.fullmatch(r"@every ([0-9]+[hms])+", cron):
        return
    given = cron.split()
    if len(given) != len(_FIELDS):
        raise UsageError(
            f"--cron {cron!r}: give five fields, minute to day of the week, as in '0 3 * * *'"
        )
    for text, (what, lowest, highest, names) in zip(given, _FIELDS, strict=True):
        value = _numbers(lowest, highest, names)
        if not all(_is_part(part.lower(), value) for part in text.split(",")):
            raise UsageError(f"--cron {cron!r}: {text!r} is no {what}, {lowest} to {highest}")


def _check_subdomain(flag: str, name: str) -> None:
    if len(name) > _LONGEST_SUBDOMAIN or not _SUBDOMAIN.fullmatch(name):
        raise UsageError(f"{flag} {name}: not a name that Kubernetes takes")


def _check_image(image: str) -> None:
    # A retry is to run the same code as the try before.
    found = _IMAGE.fullmatch(image)
    if not _DIGEST.fullmatch(image) and (found is None or found[2] == "latest"):
        raise UsageError(f"--image {image}: give it with a version, as in nsynth-batch-cpu:0.1.0")


def _check_time_zone(name: str) -> None:
    """Refuse a time zone that is not in the IANA database, as far as this machine has one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if available_timezones():
            raise UsageError(
                f"--time-zone {name}: no such time zone; give one as Europe/Vienna"
            ) from error


def _numbers(lowest: int, highest: int, names: Sequence[str]) -> Callable[[str], int | None]:
    def number(text: str) -> int | None:
        if text in names:
            return lowest + names.index(text)
        found = int(text) if text.isdecimal() else -1
        return found if lowest <= found <= highest else None

    return number


def _is_part(text: str, value: Callable[[str], int | None]) -> bool:
    found = _PART.fullmatch(text)
    if found is None or (found[6] and int(found[6]) == 0):
        return False
    if found[2] is None:
        return True
    first, last = value(found[2]), value(found[4] or found[2])
    return first is not None and last is not None and first <= last
