"""What a run is to Kubernetes: a Job, or a CronJob that makes one each night; pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nsynth_batch.errors import DRAINED, QUARANTINE, USAGE

JobManifest = dict[str, Any]
"""An object of the Kubernetes API, in the order that it is printed in."""

NAMESPACE = "nsynth-batch"
CONTAINER = "driver"
OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "nsynth-batch-submit"
"""Value of the owner's label: what bears another one is never touched by `submit`."""

SETTINGS_FOLDER = "/etc/nsynth-batch"
WORK_FOLDER = "/work"
METRICS_PORT = 9108
_USER = 10001
_READABLE_BY_GROUP = 0o440
_SEED = "NSYNTH_BATCH_SEED"
_GPU_RESOURCE = "amd.com/gpu"
_NODES = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}

LEFT_OUT = frozenset(
    {"imagePullSecrets", "priorityClassName", "supplementalGroups", "tolerations", _GPU_RESOURCE}
)
"""Fields that a manifest has only if a run asks for them."""


@dataclass(frozen=True)
class Volume:
    """A PersistentVolumeClaim and the folder that a run sees it as.

    Attributes
    ----------
    claim
        Its name.
    path
        The folder, absolute.
    """

    claim: str
    path: str


@dataclass(frozen=True)
class JobSpec:
    """A command of nsynth-batch that is to run in a pod.

    Attributes
    ----------
    name
        Of the Job or CronJob: a DNS label.
    arguments
        The command and its flags, word by word, as ``nsynth-batch`` takes them.
    image
        With its tag or digest.
    namespace
        Where it runs.
    fetches
        Whether it asks the web, which the network policies allow to the component ``harvest``.
    cpu, memory, scratch
        Quantities of Kubernetes: cores, bytes of memory, bytes below `WORK_FOLDER`.
    gpus
        GPUs of the pod itself; a run that hands its work to a Dask cluster needs none.
    groups
        Numbers of the groups that own the GPU devices on the nodes (video and render).
    hdfs_auth
        How the pod logs in to HDFS: by user name, by a keytab, or by a delegation token.
    s3_secret
        Name of the Secret whose file ``credentials`` opens stores on S3, or empty.
    s3_endpoint, s3_region
        Where they are; both empty take the file ``config`` of the ConfigMap nsynth-batch-s3.
    environment
        Variables and their values.
    volumes
        Claims to mount.
    node_labels
        Labels that a node must have, and their values, beside those of Linux on amd64.
    pull_secret, priority_class
        Names, or empty.
    retries
        Pods more after one that failed for want of infrastructure.
    deadline_seconds
        The most that all pods together may take.
    keep_seconds
        How long the Job and its log stay once it has ended.
    grace_seconds
        From SIGTERM to SIGKILL: longer than a shard's commit.
    """

    name: str
    arguments: tuple[str, ...]
    image: str
    namespace: str = NAMESPACE
    fetches: bool = False
    cpu: str = "2"
    memory: str = "4Gi"
    scratch: str = "10Gi"
    gpus: int = 0
    groups: tuple[int, ...] = ()
    hdfs_auth: Literal["user", "kerberos", "token"] = "user"
    s3_secret: str = ""
    s3_endpoint: str = ""
    s3_region: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_labels: tuple[tuple[str, str], ...] = ()
    pull_secret: str = ""
    priority_class: str = ""
    retries: int = 3
    deadline_seconds: int = 86_400
    keep_seconds: int = 259_200
    grace_seconds: int = 900


@dataclass(frozen=True)
class Schedule:
    """When a CronJob starts a run.

    Attributes
    ----------
    cron
        Five fields, or a word as ``@daily``.
    time_zone
        A name of the IANA database.
    suspend
        Whether nothing is started for now.
    late_seconds
        How late a start that was missed may still be made up for.
    """

    cron: str
    time_zone: str = "Etc/UTC"
    suspend: bool = False
    late_seconds: int = 3600


def job(run: JobSpec) -> JobManifest:
    """Return the Job of one run.

    Wrong usage and too much quarantine (2, 3) end the Job, since no other try mends them; a drain
    (143) and a pod that Kubernetes took away are made up for without limit; anything else, 75
    above all, is tried again as often as the run allows.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(run),
        "spec": _job_spec(run),
    }


def cron_job(run: JobSpec, schedule: Schedule) -> JobManifest:
    """Return the CronJob that starts a run again and again, one at a time.

    Each night's Job has a name of its own. Unless the run's flags or variables give a seed, that
    name does: new recordings meet in new pairs, and a pod that takes over goes on with the same.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": _metadata(run),
        "spec": {
            "schedule": schedule.cron,
            "timeZone": schedule.time_zone,
            "suspend": schedule.suspend,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": schedule.late_seconds,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": _labels(run)},
                "spec": _job_spec(run, seed=_seed_of_the_job(run)),
            },
        },
    }


def _metadata(run: JobSpec) -> JobManifest:
    return {"name": run.name, "namespace": run.namespace, "labels": _labels(run)}


def _labels(run: JobSpec) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "nsynth-batch",
        "app.kubernetes.io/instance": run.name,
        "app.kubernetes.io/component": "harvest" if run.fetches else "driver",
        "app.kubernetes.io/part-of": "nsynth-batch",
        OWNER_LABEL: OWNER,
    }


def _job_spec(run: JobSpec, seed: list[JobManifest] | None = None) -> JobManifest:
    return {
        "backoffLimit": run.retries,
        "activeDeadlineSeconds": run.deadline_seconds,
        "ttlSecondsAfterFinished": run.keep_seconds,
        "podFailurePolicy": {
            "rules": [
                _on_exit("FailJob", USAGE, QUARANTINE),
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                _on_exit("Ignore", DRAINED),
            ]
        },
        "template": {"metadata": {"labels": _labels(run)}, "spec": _pod_spec(run, seed or [])},
    }


def _on_exit(action: str, *codes: int) -> JobManifest:
    return {
        "action": action,
        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": list(codes)},
    }


def _pod_spec(run: JobSpec, seed: list[JobManifest]) -> JobManifest:
    security: JobManifest = {
        "runAsNonRoot": True,
        "runAsUser": _USER,
        "runAsGroup": _USER,
        "fsGroup": _USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if run.groups:
        security["supplementalGroups"] = list(run.groups)
    spec: JobManifest = {
        "restartPolicy": "Never",
        "serviceAccountName": "nsynth-batch",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": run.grace_seconds,
        "securityContext": security,
        "nodeSelector": _NODES | dict(run.node_labels),
        "containers": [_container(run, seed)],
        "volumes": [
            {"name": "work", "emptyDir": {"sizeLimit": run.scratch}},
            {"name": "settings", "projected": _settings(run)},
            *(
                {"name": _volume_name(at), "persistentVolumeClaim": {"claimName": volume.claim}}
                for at, volume in enumerate(run.volumes)
            ),
        ],
    }
    if run.gpus:
        spec["tolerations"] = [{"key": _GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}]
    if run.pull_secret:
        spec["imagePullSecrets"] = [{"name": run.pull_secret}]
    if run.priority_class:
        spec["priorityClassName"] = run.priority_class
    return spec


def _container(run: JobSpec, seed: list[JobManifest]) -> JobManifest:
    amounts = {"cpu": run.cpu, "memory": run.memory, "ephemeral-storage": run.scratch}
    if run.gpus:
        amounts[_GPU_RESOURCE] = str(run.gpus)
    return {
        "name": CONTAINER,
        "image": run.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [_literal(word) for word in run.arguments],
        "env": [*_environment(run), *seed],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "resources": {"requests": amounts, "limits": dict(amounts)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "work", "mountPath": WORK_FOLDER},
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            *(
                {"name": _volume_name(at), "mountPath": volume.path}
                for at, volume in enumerate(run.volumes)
            ),
        ],
    }


def _environment(run: JobSpec) -> list[JobManifest]:
    values = {
        "NSYNTH_BATCH_CONFIG": f"{SETTINGS_FOLDER}/nsynth-batch.toml",
        "HOME": WORK_FOLDER,
        "TMPDIR": WORK_FOLDER,
    }
    if run.hdfs_auth == "kerberos":
        values |= {
            "KRB5_CONFIG": f"{SETTINGS_FOLDER}/kerberos/krb5.conf",
            # From a client's keytab the library gets its tickets by itself, and new ones in time.
            "KRB5_CLIENT_KTNAME": f"FILE:{SETTINGS_FOLDER}/kerberos/krb5.keytab",
            "KRB5CCNAME": f"FILE:{WORK_FOLDER}/krb5cc",
            "HADOOP_CONF_DIR": f"{SETTINGS_FOLDER}/kerberos",
        }
    elif run.hdfs_auth == "token":
        values["HADOOP_TOKEN_FILE_LOCATION"] = f"{SETTINGS_FOLDER}/hdfs-token/token"
    values |= _s3_environment(run) | {name: _literal(value) for name, value in run.environment}
    found = {
        # A pod sees all cores of its node, and its limit only this way.
        "NSYNTH_BATCH_WORKERS": {"resourceFieldRef": {"resource": "limits.cpu"}},
        "NSYNTH_BATCH_CONTACT": {
            "secretKeyRef": {"name": "nsynth-batch-contact", "key": "contact", "optional": True}
        },
    }
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        *({"name": n, "valueFrom": source} for n, source in found.items() if n not in values),
    ]


def _s3_environment(run: JobSpec) -> dict[str, str]:
    values = {}
    if run.s3_secret:
        if not (run.s3_endpoint or run.s3_region):
            values["AWS_CONFIG_FILE"] = f"{SETTINGS_FOLDER}/s3/config"
        values["AWS_SHARED_CREDENTIALS_FILE"] = f"{SETTINGS_FOLDER}/s3/credentials"
        # Without the file a pod is not to become whoever its node is.
        values["AWS_EC2_METADATA_DISABLED"] = "true"
    given = {"AWS_ENDPOINT_URL": run.s3_endpoint, "AWS_REGION": run.s3_region}
    return values | {name: _literal(value) for name, value in given.items() if value}


def _seed_of_the_job(run: JobSpec) -> list[JobManifest]:
    if _SEED in dict(run.environment):
        return []
    path = "metadata.labels['batch.kubernetes.io/job-name']"
    return [
        {"name": "JOB_NAME", "valueFrom": {"fieldRef": {"fieldPath": path}}},
        {"name": _SEED, "value": "name:$(JOB_NAME)"},
    ]


def _settings(run: JobSpec) -> JobManifest:
    sources = [
        {"configMap": _items("nsynth-batch-config", "nsynth-batch.toml")},
        # Only a scheduler of tls:// needs it, and the run names it where it is missing.
        {"secret": {**_items("nsynth-batch-tls", "ca.crt", "tls.crt", "tls.key", folder="tls/"),
                    "optional": True}},
    ]  # fmt: skip
    if run.hdfs_auth == "kerberos":
        files = ("krb5.conf", "core-site.xml", "hdfs-site.xml")
        sources += [
            {"configMap": _items("nsynth-batch-kerberos", *files, folder="kerberos/")},
            {"secret": _items("nsynth-batch-kerberos", "krb5.keytab", folder="kerberos/")},
        ]
    elif run.hdfs_auth == "token":
        sources.append({"secret": _items("nsynth-batch-hdfs-token", "token", folder="hdfs-token/")})
    if run.s3_secret:
        if not (run.s3_endpoint or run.s3_region):
            sources.append({"configMap": _items("nsynth-batch-s3", "config", folder="s3/")})
        sources.append({"secret": _items(run.s3_secret, "credentials", folder="s3/")})
    return {"defaultMode": _READABLE_BY_GROUP, "sources": sources}


def _items(name: str, *keys: str, folder: str = "") -> JobManifest:
    return {"name": name, "items": [{"key": key, "path": f"{folder}{key}"} for key in keys]}


def _volume_name(at: int) -> str:
    return f"claim-{at}"


def _literal(text: str) -> str:
    """Keep Kubernetes from putting a variable's value where a text has ``$(NAME)``."""
    return text.replace("$", "$$")
