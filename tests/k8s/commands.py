"""What containers run: their command lines as Kubernetes makes them, and who reads those."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from distributed.cli import dask_scheduler, dask_worker

from hdfs_jobs import retire
from nsynth_batch.commands.program import app
from tests.k8s.rendering import Object, PodTemplate, named, pod_templates

ENTRYPOINT = ["nsynth-batch"]
"""Of the image."""

_REFERENCE = re.compile(r"\$\$|\$\(([\w.-]+)\)")
_ASSIGNED = {"metadata.name": "a-pod", "limits.cpu": "4", "contact": "you@example.org"}


@dataclass(frozen=True)
class Command:
    """What a container runs.

    Attributes
    ----------
    pod
        Whose container it is.
    container
        The container.
    words
        Program and arguments.
    environment
        Its variables; what only a cluster knows has a value made up.
    """

    pod: PodTemplate
    container: Object
    words: Sequence[str]
    environment: Mapping[str, str]


def command(manifests: Sequence[Object], pod: PodTemplate, container: Object) -> Command:
    """Put together what a kubelet would start."""
    environment: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        environment |= named(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", ()):
        if "value" in variable:
            value = _expanded(variable["value"], environment)
        else:
            (source,) = variable["valueFrom"].values()
            what = source.get("fieldPath") or source.get("resource") or source["key"]
            value = _ASSIGNED.get(what, "a-job")
        environment[variable["name"]] = value
    words = [*container.get("command", ENTRYPOINT), *container.get("args", ())]
    return Command(pod, container, [_expanded(word, environment) for word in words], environment)


def parsed(words: Sequence[str]) -> Mapping[str, Any]:
    """Have the program itself read its arguments, and do nothing; give what it understood.

    Raises
    ------
    Exception
        The parser's own, if it does not take them.
    """
    match words:
        case ["dask", "scheduler", *arguments]:
            return dask_scheduler.main.make_context("scheduler", arguments).params
        case ["dask", "worker", *arguments]:
            return dask_worker.main.make_context("worker", arguments).params
        case ["python", "-m", "hdfs_jobs.retire", *arguments]:
            return vars(retire.command_line().parse_args(arguments))
        case ["nsynth-batch", name, *arguments]:
            program: Any = typer.main.get_command(app)
            context = program.make_context(program.name, [name, *arguments])
            inner = program.get_command(context, name).make_context(name, arguments, parent=context)
            understood: Mapping[str, Any] = inner.params
            return understood
        case _:
            raise AssertionError(f"no such program in the image: {words}")


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """Put values where a text names variables; ``$$`` is a dollar, an unknown name stays."""

    def value(found: re.Match[str]) -> str:
        return environment.get(found[1], found[0]) if found[1] else "$"

    return _REFERENCE.sub(value, text)


def commands(manifests: Sequence[Object]) -> Iterator[Command]:
    for pod in pod_templates(manifests):
        for container in pod.containers:
            yield command(manifests, pod, container)


def component_command(manifests: Sequence[Object], component: str) -> Command:
    return next(one for one in commands(manifests) if one.pod.component == component)


def settings_text(manifests: Sequence[Object]) -> str:
    text: str = named(manifests, "ConfigMap", "nsynth-batch-config")["data"]["nsynth-batch.toml"]
    return text
