"""What containers are told, their own programs understand; and it fits what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.config
import pytest
from dask.utils import parse_bytes
from distributed import Security

from nsynth_batch.settings.settings import SETTINGS_VARIABLE, Settings, load_settings
from tests.components.needs import need
from tests.k8s.checks.references import services
from tests.k8s.checks.words import quantity
from tests.k8s.commands import commands, component_command, parsed, settings_text
from tests.k8s.rendering import Object, overlay, pod_templates

NANNY_BYTES = 300 << 20
"""What a nanny and its file buffers take beside its worker; a nanny alone was seen at 120 MB."""
WORKER_BYTES = 180 << 20
"""What a worker has taken before it decodes."""
ENGINE_SHARE = 0.8
"""Of what the container has left, an engine plans to take at most."""
COMMIT_SECONDS = 30.0
"""A file of some 100 MB is read back, its manifest published."""


def test_every_program_takes_its_arguments(manifests: list[Object]) -> None:
    for one in commands(manifests):
        assert parsed(one.words)
        for hook in one.container.get("lifecycle", {}).values():
            assert parsed(hook["exec"]["command"])


@pytest.mark.parametrize("component", ["scheduler", "worker-cpu", "driver"])
def test_a_wrong_flag_is_seen(component: str) -> None:
    need("kubectl")
    one = component_command(overlay("cpu"), component)
    with pytest.raises(Exception, match="no-such-flag"):
        parsed([*one.words, "--no-such-flag"])


def test_workers_fit_their_containers(manifests: list[Object]) -> None:
    for one in commands(manifests):
        if not one.pod.component.startswith("worker"):
            continue
        given, limits = parsed(one.words), one.container["resources"]["limits"]
        assert int(given["n_workers"]) == given["nthreads"] == 1
        # The nanny ends its worker at 95%: before the kernel ends both, and no worker that keeps
        # to what engines plan with.
        limit, allowed = quantity(limits["memory"]), parse_bytes(given["memory_limit"])
        assert allowed + NANNY_BYTES <= limit
        assert 0.95 * allowed >= WORKER_BYTES + ENGINE_SHARE * (limit - NANNY_BYTES)
        assert quantity(limits["cpu"]).is_integer()
        assert one.container["resources"]["requests"]["memory"] == limits["memory"]
        assert given["scheduler"] == address(manifests)
        assert given["local_directory"].startswith("/work/")
        assert given["resources"] == ("GPU=1" if one.pod.component == "worker-gpu" else None)
        hook = parsed(one.container["lifecycle"]["preStop"]["exec"]["command"])
        assert one.pod.spec["terminationGracePeriodSeconds"] >= hook["seconds"] + COMMIT_SECONDS


def test_ports_are_those_that_are_told(manifests: list[Object]) -> None:
    for one in commands(manifests):
        given = parsed(one.words)
        flags = ("port", "worker_port", "nanny_port", "dashboard_address")
        told = {int(given[flag].lstrip(":")) for flag in flags if given.get(flag)}
        if one.pod.component in ("driver", "harvest"):
            told = {settings_of(manifests)["metrics_port"]}
        assert {port["containerPort"] for port in one.container["ports"]} == told


def address(manifests: Sequence[Object]) -> str:
    ((name, service),) = services(manifests).items()
    (port,) = [p["port"] for p in service["ports"] if p["name"] == "tcp-comm"]
    return f"tls://{name}:{port}"


def settings_of(manifests: Sequence[Object]) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(settings_text(manifests))


def test_settings_are_taken(
    manifests: list[Object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nsynth-batch.toml"
    file.write_text(settings_text(manifests), encoding="utf-8")
    runs = [one for one in commands(manifests) if one.pod.component in ("driver", "harvest")]
    assert runs
    for one in runs:
        with monkeypatch.context() as context:
            for name, value in one.environment.items():
                context.setenv(name, value)
            assert one.environment[SETTINGS_VARIABLE] == "/etc/nsynth-batch/nsynth-batch.toml"
            context.setenv(SETTINGS_VARIABLE, str(file))
            flags = {n: v for n, v in parsed(one.words).items() if n in Settings.model_fields}
            settings = load_settings(flags)
        assert settings.scheduler == address(manifests)
        assert settings.log_format == "json"
        assert settings.metrics_host == "0.0.0.0"
        on_gpus = any(pod.component == "worker-gpu" for pod in pod_templates(manifests))
        assert settings.engine == ("tensorflow" if on_gpus else "auto")
        mounted = {mount["mountPath"] for mount in one.container["volumeMounts"]}
        for file_of_tls in (settings.tls_ca, settings.tls_cert, settings.tls_key):
            assert file_of_tls.startswith("/etc/nsynth-batch/tls/")
        assert {"/etc/nsynth-batch", "/work"} <= mounted


def test_dask_takes_its_variables(manifests: list[Object]) -> None:
    for one in commands(manifests):
        if one.words[0] != "dask":
            continue
        known = dask.config.collect([])
        with dask.config.set(dask.config.merge(dask.config.config, known)):
            there = _keys(dask.config.config)
            given = dask.config.collect_env(one.environment)
            wrong = {key for key in _keys(given) if key.replace("_", "-") not in there}
            assert wrong <= {"scheduler-address", "worker-name"}
        with dask.config.set(dask.config.merge(dask.config.config, given)):
            security = Security()
        assert security.require_encryption is True
        for role in ("scheduler", "worker", "client"):
            shown = security.get_tls_config_for_role(role)
            files = {shown["ca_file"], shown["cert"], shown["key"]}
            assert files == {f"/etc/nsynth-batch/tls/{n}" for n in ("ca.crt", "tls.crt", "tls.key")}
        memory = given["distributed"]["worker"]["memory"]
        assert memory == {"target": False, "spill": False, "pause": False, "terminate": 0.95}


def _keys(config: dict[str, Any], above: str = "") -> set[str]:
    found = set()
    for key, value in config.items():
        path = f"{above}.{key}" if above else key
        found |= _keys(value, path) if isinstance(value, dict) and value else {path}
    return {key.replace("_", "-") for key in found}
