"""The files for compose: as strict as can be told without an engine, and what is ours is run."""

from __future__ import annotations

import getpass
import json
import os
import re
import shlex
import subprocess
import tomllib
import xml.etree.ElementTree as ET
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import yaml

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.probe import probe
from nsynth_batch.settings.settings import Settings
from tests.components.hadoop import Hdfs
from tests.components.hadoop.configuration import free_port
from tests.components.hadoop.daemon import java
from tests.components.hadoop.jars import hadoop
from tests.components.images import ROOT, Image
from tests.components.needs import need
from tests.components.s3.versitygw import build
from tests.components.sandbox import SECONDS, Container, Options
from tests.waiting import until

pytestmark = pytest.mark.timeout(1200)  # whichever test is first builds the image

FILE = ROOT / "docker/compose.yaml"
FILE_S3 = ROOT / "docker/compose.s3.yaml"
FIELDS = {
    *("build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck"),
    *("hostname", "image", "networks", "read_only", "security_opt", "stop_grace_period", "tmpfs"),
    "volumes",
}
VARIABLES_OF_S3 = {
    *("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}
OURS = ("scheduler", "worker", "run")


def compose(variables: dict[str, str] | None = None, file: Path = FILE) -> dict[str, Any]:
    """Read a file as an engine does, with its variables filled in."""
    given = variables or {}
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}",
        lambda found: json.dumps(given.get(found[1], found[2])),
        file.read_text(),
    )
    read: dict[str, Any] = yaml.safe_load(text)
    return read


@pytest.fixture(scope="module", params=[FILE, FILE_S3], ids=lambda file: file.name)
def whole(request: pytest.FixtureRequest) -> dict[str, Any]:
    return compose(file=request.param)


@pytest.fixture
def services(whole: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = whole["services"]
    return named


def test_there_is_all_that_a_run_needs() -> None:
    assert set(compose()["services"]) == {"namenode", "datanode", *OURS}
    assert set(compose(file=FILE_S3)["services"]) == {"gateway", *OURS}


def test_services_refer_only_to_what_is_there(
    whole: dict[str, Any], services: dict[str, Any]
) -> None:
    for name, service in services.items():
        assert set(service) <= FIELDS, name
        assert set(service["networks"]) <= set(whole["networks"])
        volumes = {one.partition(":")[0] for one in service.get("volumes", ())}
        assert volumes <= set(whole.get("volumes", ()))
        after = service.get("depends_on", [])
        assert set(after) <= set(services)
        for other, how in after.items() if isinstance(after, dict) else ():
            assert how["condition"] in {"service_started", "service_healthy"}
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]


def test_a_run_begins_all_that_health_rests_on(services: dict[str, Any]) -> None:
    begun, left = set(), {"run"}
    while left:
        begun |= left
        left = {name for each in left for name in services[each].get("depends_on", ())} - begun
    assert begun == set(services)


def test_values_are_words_as_engines_take_them(services: dict[str, Any]) -> None:
    for service in services.values():
        for field in ("command", "entrypoint"):
            assert all(isinstance(word, str) for word in service.get(field, []))
        assert all(isinstance(value, str) for value in service["environment"].values())


def test_images_are_pinned_and_ours_is_this_release(services: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in services.items():
        image, _, tag = service["image"].partition(":")
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
        if name in OURS:
            extra = service["build"].get("args", {}).get("EXTRAS", "")
            assert (image, tag) == (f"nsynth-batch-cpu-{extra}".rstrip("-"), version)
    built = services["run"]["build"]
    assert (FILE.parent / built["context"]).resolve() == ROOT
    assert (ROOT / built["dockerfile"]).is_file()


def test_ours_run_as_strictly_as_the_tests_do(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
        assert services[name]["tmpfs"] == ["/work:mode=1777"]


def test_settings_are_settings(services: dict[str, Any]) -> None:
    for name in OURS:
        for variable in services[name]["environment"]:
            field = variable.removeprefix("NSYNTH_BATCH_")
            others = {"HADOOP_USER_NAME", *VARIABLES_OF_S3}
            assert field in others or field.lower() in Settings.model_fields


def test_hadoop_knows_the_settings_that_it_is_given() -> None:
    services = compose()["services"]
    need("hdfs")
    known: set[str] = set()
    for jar in (hadoop() / "jars").glob("hadoop-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            for name in {"core-default.xml", "hdfs-default.xml"} & set(archive.namelist()):
                names = ET.fromstring(archive.read(name)).iterfind("property/name")
                known |= {str(one.text).strip() for one in names}
    for name in ("namenode", "datanode"):
        given = [key for key in services[name]["environment"] if "SITE.XML_" in key]
        assert given
        for key in given:
            site, _, setting = key.partition("_")
            assert site == ("HDFS-SITE.XML" if setting.startswith("dfs.") else "CORE-SITE.XML")
            assert setting in known, f"{name} is told of {setting}"


def test_the_namenode_is_ready_with_its_first_datanode(hdfs: Hdfs, tmp_path: Path) -> None:
    kind, check = compose()["services"]["namenode"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    # What the image calls hdfs is a script around the same classes.
    script = tmp_path / "hdfs"
    tool = [*java(hadoop() / "jars"), "org.apache.hadoop.hdfs.tools.DFSAdmin"]
    program = shlex.join([*tool, "-fs", hdfs.hdfs_url])
    script.write_text(f'#!/bin/sh\nshift\nexec {program} "$@"\n')
    script.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(["sh", "-c", check], env=os.environ | path, check=False).returncode == 0
    script.write_text("#!/bin/sh\necho 'Live datanodes (0):'\n")
    assert subprocess.run(["sh", "-c", check], env=path, check=False).returncode == 1


def test_the_gateway_of_s3_serves_what_a_run_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("versitygw")
    services = compose(file=FILE_S3)["services"]
    port = free_port()
    text = json.dumps(services).replace("/data", str(tmp_path / "data"))
    moved = json.loads(text.replace("7070", str(port)).replace("//gateway", "//127.0.0.1"))
    gateway, settings = moved["gateway"], moved["run"]["environment"]
    check = gateway["healthcheck"]["test"][-1].removeprefix("wget -q -O /dev/null ")

    def is_healthy() -> bool:
        try:
            return urlopen(check).status == 200
        except OSError:
            return False

    path = {"PATH": f"{build().parent}:{os.environ['PATH']}"}
    command = [*gateway["entrypoint"], *gateway["command"]]
    started = subprocess.Popen(command, env=path | gateway["environment"])
    try:
        until(is_healthy, SECONDS)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        storage = open_storage(settings["NSYNTH_BATCH_STORE"])
        probe(storage)
        assert storage.publish("file", b"content")
        assert storage.read_bytes("file") == b"content"
    finally:
        started.terminate()
        started.wait(SECONDS)


def test_our_services_do_the_main_job_together(
    image: Image, hdfs: Hdfs, hdfs_folder: str, tmp_path: Path
) -> None:
    system = compose({"WORKERS": "1", "PAIRS": "2"})["services"]
    # Network and HDFS are shared with other programs here; no more differs than that takes.
    elsewhere = {
        "namenode:9870/sounds": urlsplit(hdfs.webhdfs_url).netloc + hdfs_folder,
        "8786": str(free_port()),
        "8787": str(free_port()),
    }
    superuser = {"HADOOP_USER_NAME": getpass.getuser()}

    def moved(words: Any) -> Any:
        text = json.dumps(words)
        for old, new in elsewhere.items():
            text = text.replace(old, new)
        return json.loads(text)

    def started(name: str) -> Container:
        service = moved(system[name])
        folder = tmp_path / name
        folder.mkdir()
        options = Options(
            entrypoint=service.get("entrypoint"),
            environment=service["environment"] | superuser,
            hosts=("scheduler", "namenode", "datanode"),
        )
        return stack.enter_context(Container(image, service["command"], options, folder))

    with ExitStack() as stack:
        scheduler = started("scheduler")
        check = moved(system["scheduler"]["healthcheck"]["test"])
        until(
            lambda: scheduler.execute(*check[1:]).returncode == 0, SECONDS, failed=scheduler.failed
        )
        started("worker")
        run = started("run")
        assert run.wait(SECONDS) == 0, run.output()
        status = scheduler.execute("nsynth-batch", "status", "--json")
        assert json.loads(status.stdout)["stages"]["clips"]["rows"] == 2
