"""Hadoop from Maven Central, fetched once into build/hadoop and used offline ever after."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.components.hadoop.daemon import HadoopError, java

_HERE = Path(__file__).resolve().parent
_HADOOP = _HERE.parents[2] / "build" / "hadoop"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def hadoop() -> Path:
    """Return the folder with ``jars/`` and ``name/``, a formatted NameNode's; fetch if need be.

    Raises
    ------
    HadoopError
        Maven or Java is missing, or failed; the message names the log.
    """
    pom = (_HERE / "pom.xml").read_bytes()
    stamp = _HADOOP / "stamp"
    digest = hashlib.sha256(pom).hexdigest()
    _HADOOP.mkdir(parents=True, exist_ok=True)
    with (_HADOOP / "lock").open("w") as lock:  # test runs side by side fetch it once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != digest:
            _fetch()
            _format()
            stamp.write_text(digest)
    return _HADOOP


def _fetch() -> None:
    print("Fetching Hadoop by Maven, once; half a minute …", file=sys.stderr)
    maven = shutil.which("mvn")
    if maven is None:
        raise HadoopError("Maven is missing: sudo apt-get install -y maven default-jdk-headless")
    shutil.rmtree(_HADOOP / "jars", ignore_errors=True)
    log = _HADOOP / "maven.log"
    command = [maven, "--batch-mode", "--file", str(_HERE / "pom.xml"), _COPY]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={_HADOOP / 'jars'}"]
    # Java takes the home of the user's entry, which a service's user may not have.
    command.append(f"-Dmaven.repo.local={Path.home() / '.m2' / 'repository'}")
    with log.open("w") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if done.returncode:
        raise HadoopError(f"Maven could not fetch Hadoop; see {log}")


def _format() -> None:
    # A copy of a formatted folder spares each cluster the seconds that formatting takes.
    name = _HADOOP / "name"
    shutil.rmtree(name, ignore_errors=True)
    command = [*java(_HADOOP / "jars"), "org.apache.hadoop.hdfs.server.namenode.NameNode"]
    command += ["-D", f"dfs.namenode.name.dir={name.as_uri()}"]
    log = _HADOOP / "format.log"
    with log.open("w") as out:
        done = subprocess.run(
            [*command, "-format", "-nonInteractive"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    if done.returncode:
        raise HadoopError(f"Hadoop could not format a NameNode's folder; see {log}")
