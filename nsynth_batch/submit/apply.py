"""Manifests into the cluster: what is made, what is there already, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nsynth_batch.errors import USAGE, CommandError
from nsynth_batch.submit.api import Api, Refused
from nsynth_batch.submit.job_manifest import LEFT_OUT, OWNER, OWNER_LABEL, JobManifest
from nsynth_batch.submit.job_state import Object, is_over, name_of
from nsynth_batch.submit.manifest_yaml import as_yaml

_RESOURCES = {"Job": "jobs", "CronJob": "cronjobs"}
_OF_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
_CONFLICT = 409
_GONE = 404
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS = {
    "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What stands in the cluster now.

    Attributes
    ----------
    thing
        The object as the server has it.
    done
        ``created``, ``replaced``, ``updated``, ``unchanged``, or ``found`` for a Job that is
        under way already.
    """

    thing: Object
    done: str


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Return the path of an object or, without a name, of all of its kind in a namespace."""
    folder = f"/apis/batch/v1/namespaces/{namespace}/{_RESOURCES[kind]}"
    return f"{folder}/{name}" if name else folder


def apply(api: Api, manifest: JobManifest, *, replace: bool) -> Applied:
    """Create an object, or come to terms with the one of its name.

    Parameters
    ----------
    api : Api
        The cluster.
    manifest : dict
        A Job or CronJob.
    replace : bool
        Whether a CronJob of ours may be changed, and a Job of ours that is over be made anew.

    Raises
    ------
    CommandError
        If the one that is there is another's, differs, or is over, and no flag decides what to do.
    """
    kind, name = manifest["kind"], name_of(manifest)
    namespace = manifest["metadata"]["namespace"]
    path = path_of(kind, namespace)
    text = as_yaml(manifest)
    try:
        return Applied(api.ask("POST", path, body=text), "created")
    except Refused as error:
        if error.status != _CONFLICT:
            raise
        there = _there(api, f"{path}/{name}")
        if there is None:
            raise
    what = f"{kind.lower()} {name} is there already"
    if owner := _other_owner(there["metadata"]):
        raise CommandError(
            f"{what}, and it is not of submit but of {owner}: give another --name", USAGE
        )
    differing = list(differences(manifest, there))
    if kind == "CronJob":
        return _update(api, f"{path}/{name}", manifest, there, what, differing, replace=replace)
    if not is_over(there):
        if differing:
            raise CommandError(
                f"{what} and under way, and differs in {_listed(differing)}: follow it with "
                f"--follow {name}, or give another --name",
                USAGE,
            )
        return Applied(there, "found")
    if not replace:
        raise CommandError(
            f"{what}, and over: --replace makes it anew, its log goes; or give another --name",
            USAGE,
        )
    delete_job(api, there)
    return Applied(api.ask("POST", path, body=text), "replaced")


def delete_job(api: Api, job: Object) -> None:
    """Delete this very Job with its pods; one of its name that came since is left alone."""
    metadata = job["metadata"]
    body = as_yaml(
        {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": metadata["uid"]},
        }
    )
    path = path_of("Job", metadata["namespace"], metadata["name"])
    try:
        api.ask("DELETE", path, body=body)
    except Refused as error:
        if error.status != _GONE:
            raise


def differences(wanted: Any, there: Any, place: str = "") -> Iterator[str]:
    """Name where what is there is not as wanted; what the server adds does not count."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        # Labels of nodes are all ours, and so are fields that another run asked for.
        more = there.keys() if place.endswith(".nodeSelector") else there.keys() & LEFT_OUT
        for key in [*wanted, *sorted(more - wanted.keys())]:
            inside = f"{place}.{key}" if place else key
            yield from differences(wanted.get(key), there.get(key), inside)
    elif isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        for at, (one, other) in enumerate(zip(wanted, there, strict=True)):
            yield from differences(one, other, f"{place}[{at}]")
    elif wanted != there and (wanted or there) and not _same_amount(wanted, there):
        yield place


def _update(
    api: Api,
    path: str,
    manifest: JobManifest,
    there: Object,
    what: str,
    differing: list[str],
    *,
    replace: bool,
) -> Applied:
    if not differing:
        return Applied(there, "unchanged")
    if not replace:
        raise CommandError(
            f"{what} and differs in {_listed(differing)}: --replace updates it", USAGE
        )
    # The server takes the change only if the object is unchanged since it was read.
    seen = {"resourceVersion": there["metadata"]["resourceVersion"]}
    body = as_yaml({**manifest, "metadata": {**manifest["metadata"], **seen}})
    return Applied(api.ask("PUT", path, body=body), "updated")


def _other_owner(metadata: Object) -> str | None:
    """Name who else an object belongs to: what submit printed may have been applied by hand."""
    label = (metadata.get("labels") or {}).get(OWNER_LABEL)
    if label != OWNER:
        return label or "an unknown program"
    for owner in metadata.get("ownerReferences") or ():
        return f"{owner.get('kind')} {owner.get('name')}"
    if _OF_KUBECTL in (metadata.get("annotations") or {}):
        return "kubectl apply"
    for change in metadata.get("managedFields") or ():
        if change.get("operation") == "Apply":
            return f"{change.get('manager')}"
    return None


def _there(api: Api, path: str) -> Object | None:
    try:
        return api.ask("GET", path)
    except Refused as error:
        if error.status == _GONE:
            return None
        raise


def _listed(places: list[str]) -> str:
    shown = ", ".join(places[:3])
    return f"{shown} and {len(places) - 3} more" if len(places) > 3 else shown


def _same_amount(one: Any, other: Any) -> bool:
    amounts = [_AMOUNT.fullmatch(text) for text in (one, other) if isinstance(text, str)]
    if len(amounts) != 2:
        return False
    values = [float(found[1]) * _UNITS[found[2] or ""] for found in amounts if found]
    return len(values) == 2 and values[0] == values[1]
