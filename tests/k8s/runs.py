"""The Job and the CronJobs of k8s/, as `nsynth-batch submit` makes them.

``python -m tests.k8s.runs`` writes their files anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from nsynth_batch.submit.job_manifest import JobManifest, JobSpec, Schedule, cron_job, job
from nsynth_batch.submit.manifest_yaml import as_yaml
from tests.k8s.rendering import K8S

_IMAGE = f"nsynth-batch-cpu:{version('nsynth-batch')}"
_CONTROL = "nsynth-batch-control"

ONCE = JobSpec(
    name="nsynth-batch-run",
    arguments=("run",),
    image=_IMAGE,
    priority_class=_CONTROL,
)
TRAINING = JobSpec(
    name="nsynth-batch-train",
    arguments=(
        *("train", "hdfs://namenode.hdfs:8020/models/songs", "--family", "wavenet"),
        *("--preset", "tiny", "--batch", "16", "--steps", "20000"),
    ),
    image=_IMAGE,
    deadline_seconds=7 * 86_400,
    priority_class=_CONTROL,
)
NIGHTLY = JobSpec(
    name="nsynth-batch-nightly",
    arguments=("run",),
    image=_IMAGE,
    priority_class=_CONTROL,
)
HARVEST = JobSpec(
    name="nsynth-batch-harvest",
    arguments=("harvest", "commons:Category:Bird songs"),
    image=_IMAGE,
    fetches=True,
    cpu="1",
    memory="2Gi",
    priority_class=_CONTROL,
)

# Neither source nor store are anybody's yet: both wait to be told that they are.
SCHEDULES = {
    HARVEST: Schedule("0 18 * * *", suspend=True),
    NIGHTLY: Schedule("0 3 * * *", suspend=True),
}

_WRITTEN = "# Written by `python -m tests.k8s.runs`, as `nsynth-batch submit --render` prints it.\n"

FILES: Mapping[str, Sequence[JobManifest]] = {
    "base/cron.yaml": [cron_job(run, schedule) for run, schedule in SCHEDULES.items()],
    "components/run-once/job.yaml": [job(ONCE)],
    "components/train-once/job.yaml": [job(TRAINING)],
}
"""What is in which file."""


def text(manifests: Sequence[JobManifest]) -> str:
    """Give a file's text."""
    return _WRITTEN + "---\n".join(map(as_yaml, manifests))


if __name__ == "__main__":
    for path, manifests in FILES.items():
        (K8S / path).write_text(text(manifests), encoding="utf-8")
