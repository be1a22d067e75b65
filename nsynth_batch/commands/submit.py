"""`submit`: a command of this program as a Job on Kubernetes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nsynth_batch.commands.options import CLUSTERS, Verbose
from nsynth_batch.errors import DRAINED, INTERRUPTED, OK, CommandError

if TYPE_CHECKING:
    from nsynth_batch.submit.api import Api
    from nsynth_batch.submit.job_state import Object
    from nsynth_batch.submit.start_timeout import Patience

Texts = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    # What follows the command belongs to it, flags too.
    app.command(rich_help_panel=CLUSTERS, context_settings={"allow_interspersed_args": False})(
        submit
    )


def submit(
    context: typer.Context,
    words: Annotated[
        Texts,
        typer.Argument(
            metavar="COMMAND [ARGUMENTS]",
            help="run, harvest, shard, encode, mash, decode, train, verify, status or gc, with its "
            "flags.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="With its version. [default: nsynth-batch-cpu of this version]"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the Job or CronJob. [default: by command, arguments and image]"),
    ] = None,
    namespace: Annotated[str, typer.Option(help="Where it runs.")] = "nsynth-batch",
    render: Annotated[
        bool, typer.Option("--render", help="Print what would be applied, and apply nothing.")
    ] = False,
    cron: Annotated[
        str | None,
        typer.Option(metavar="SCHEDULE", help="Make a CronJob of it: '0 3 * * *'."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the schedule. [default: Etc/UTC]")
    ] = None,
    suspend: Annotated[
        bool, typer.Option("--suspend", help="The CronJob starts nothing for now.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Update our CronJob, make a Job that is over anew."),
    ] = False,
    follow: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Follow a Job that was submitted before."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="End once it is submitted; do not follow.")
    ] = False,
    cpu: Annotated[str, typer.Option(metavar="N", help="Cores of the pod.")] = "2",
    memory: Annotated[str, typer.Option(metavar="SIZE", help="Memory of the pod.")] = "4Gi",
    scratch: Annotated[
        str, typer.Option(metavar="SIZE", help="Disk of the pod, deleted with it.")
    ] = "10Gi",
    gpus: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="GPUs (amd.com/gpu) of the pod itself."),
    ] = 0,
    group: Annotated[
        list[int] | None,
        typer.Option(metavar="GID", min=0, help="A group that owns GPU devices on the nodes."),
    ] = None,
    hdfs_auth: Annotated[
        Literal["user", "kerberos", "token"],
        typer.Option(help="How the pod logs in to HDFS."),
    ] = "user",
    s3_secret: Annotated[
        str,
        typer.Option(metavar="SECRET", help="Its file `credentials` opens stores on S3."),
    ] = "",
    s3_endpoint: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Of the server of S3. [default: as the ConfigMap nsynth-batch-s3 has it]",
        ),
    ] = "",
    s3_region: Annotated[
        str, typer.Option(metavar="REGION", help="Of S3. [default: likewise]")
    ] = "",
    env: Annotated[Texts, typer.Option(metavar="NAME=VALUE", help="A variable.")] = None,
    volume: Annotated[
        Texts, typer.Option(metavar="CLAIM:PATH", help="A PersistentVolumeClaim to mount.")
    ] = None,
    node_label: Annotated[
        Texts, typer.Option(metavar="LABEL=VALUE", help="A label that the node must have.")
    ] = None,
    pull_secret: Annotated[
        str, typer.Option(metavar="SECRET", help="What the image's registry asks for.")
    ] = "",
    priority_class: Annotated[str, typer.Option(metavar="CLASS", help="Of the pod.")] = "",
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pods more after infrastructure errors.")
    ] = 3,
    deadline: Annotated[
        int, typer.Option(metavar="S", min=1, help="Seconds that all of it may take.")
    ] = 86_400,
    keep: Annotated[
        int, typer.Option(metavar="S", min=60, help="Seconds that Job and log stay afterwards.")
    ] = 259_200,
    kubeconfig: Annotated[
        str | None, typer.Option(metavar="FILE", help="[default: as kubectl finds it]")
    ] = None,
    kube_context: Annotated[
        str | None, typer.Option("--context", help="Of the kubeconfig. [default: its current one]")
    ] = None,
    start_timeout: Annotated[
        float, typer.Option(metavar="S", min=0, help="Seconds that a pod may take to start.")
    ] = 600,
    patience: Annotated[
        float, typer.Option(metavar="S", min=0, help="Seconds that the API server may be silent.")
    ] = 300,
    verbose: Verbose = False,
) -> int:
    """Run a command as a Job on Kubernetes.

    The command and its flags come last and are checked here, as they would be there. What
    applies to the pod comes before it. The Job's log is followed, through broken connections and
    pods that take over, and submit ends with the run's exit code. Interrupted, it leaves the Job
    alone and prints how to follow it again. With --cron it makes or updates a CronJob.

    Example: nsynth-batch submit --image nsynth-batch-cpu:0.1.0 run --store hdfs://namenode/sounds
    """
    from importlib.metadata import version

    from hdfs_jobs.errors import UsageError
    from nsynth_batch.submit.api import Api
    from nsynth_batch.submit.apply import apply, path_of
    from nsynth_batch.submit.checks import (
        check_run,
        check_where,
        default_name,
        label_of,
        variable_of,
        volume_of,
    )
    from nsynth_batch.submit.command_words import parse_command
    from nsynth_batch.submit.job_manifest import SETTINGS_FOLDER, JobSpec, Schedule, cron_job, job
    from nsynth_batch.submit.manifest_yaml import as_yaml
    from nsynth_batch.submit.start_timeout import Patience

    if follow is not None:
        if words or render or cron or name:
            raise UsageError("--follow NAME stands alone: what is there already takes no command")
        check_where(follow, namespace)
        api = Api(kubeconfig, kube_context)
        there = api.ask("GET", path_of("Job", namespace, follow))
        return _follow(api, there, Patience(start_timeout, patience), made=False)
    if not words:
        raise UsageError("give the command to submit, as in `nsynth-batch submit run --pairs 64`")
    if cron is None and (time_zone is not None or suspend):
        raise UsageError("--time-zone and --suspend are of a CronJob: give --cron as well")
    volumes = tuple(volume_of(given) for given in volume or ())
    mounted = [SETTINGS_FOLDER, *(each.path for each in volumes)]
    command = parse_command(context.find_root().command, words, mounted, context)
    image = image or f"nsynth-batch-cpu:{version('nsynth-batch')}"
    run = JobSpec(
        name or default_name(words, image),
        command.words,
        image,
        namespace,
        fetches=command.fetches,
        cpu=cpu,
        memory=memory,
        scratch=scratch,
        gpus=gpus,
        groups=tuple(group or ()),
        hdfs_auth=hdfs_auth,
        s3_secret=s3_secret,
        s3_endpoint=s3_endpoint,
        s3_region=s3_region,
        environment=tuple(variable_of(given) for given in env or ()),
        volumes=volumes,
        node_labels=tuple(label_of(given) for given in node_label or ()),
        pull_secret=pull_secret,
        priority_class=priority_class,
        retries=retries,
        deadline_seconds=deadline,
        keep_seconds=keep,
    )
    schedule = None if cron is None else Schedule(cron, time_zone or "Etc/UTC", suspend)
    check_run(run, schedule)
    manifest = job(run) if schedule is None else cron_job(run, schedule)
    if render:
        typer.echo(as_yaml(manifest), nl=False)
        return OK
    api = Api(kubeconfig, kube_context)
    applied = apply(api, manifest, replace=replace)
    if detach or schedule is not None:
        typer.echo(f"{manifest['kind'].lower()}.batch/{run.name} {applied.done}")
        return OK
    _log(f"job {run.name} in namespace {namespace} {applied.done}")
    made = applied.done != "found"
    return _follow(api, applied.thing, Patience(start_timeout, patience), made=made)


def _follow(api: Api, thing: Object, patience: Patience, *, made: bool) -> int:
    """Follow a Job; one that this command made and that never began is not left behind."""
    from nsynth_batch.submit.api import Refused
    from nsynth_batch.submit.apply import delete_job
    from nsynth_batch.submit.follow import Follower
    from nsynth_batch.submit.start_timeout import NeverStartedError

    name, namespace = thing["metadata"]["name"], thing["metadata"]["namespace"]
    follower = Follower(api, thing, typer.echo, _log, patience)
    try:
        with _leaving():
            outcome = follower.follow()
    except NeverStartedError as error:
        if follower.begun:
            raise CommandError(
                f"{error}; job {name} stays, as far as it came: `nsynth-batch submit --follow "
                f"{name} --namespace {namespace}` follows it again",
                error.exit_code,
            ) from error
        if not made:
            raise
        try:
            delete_job(api, thing)
        except CommandError as kept:
            raise CommandError(f"{error}; the job stays: {kept}", error.exit_code) from error
        raise CommandError(f"{error}; the job was removed", error.exit_code) from error
    except Refused as error:
        raise CommandError(f"{error}; job {name} goes on unseen", error.exit_code) from error
    except (KeyboardInterrupt, _LeftError) as error:
        raise CommandError(
            f"left; job {name} goes on: `nsynth-batch submit --follow {name} --namespace "
            f"{namespace}` follows it, `kubectl delete job {name} -n {namespace}` ends it",
            DRAINED if isinstance(error, _LeftError) else INTERRUPTED,
        ) from error
    if outcome.exit_code != OK:
        raise CommandError(outcome.line, outcome.exit_code)
    _log(f"job {name} succeeded" + (f"; {outcome.line}" if outcome.line else ""))
    return OK


class _LeftError(BaseException):
    """SIGTERM: nothing may catch it on the way."""


@contextmanager
def _leaving() -> Iterator[None]:
    def leave(_number: int, _frame: FrameType | None) -> None:
        raise _LeftError

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _log(line: str) -> None:
    typer.echo(f"submit: {line}", err=True)
