"""A whole HDFS: its NameNode (or an HA pair), its DataNodes, and what tests do to them."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.components.hadoop.configuration import (
    IMPATIENT,
    free_port,
    write_configuration,
    write_site,
)
from tests.components.hadoop.daemon import Daemon, HadoopError, java
from tests.components.hadoop.jars import hadoop
from tests.components.hadoop.security import Kerberos, Tls
from tests.components.service import Service

# A NameNode takes a block report only from a DataNode that it knows and whose room it knows.
_REPORTED = "Successfully sent block report"
_SERVER = "org.apache.hadoop.hdfs.server"
# Half of what a JVM does in its first seconds is compiling what a test never runs twice.
_QUICK = ("-XX:TieredStopAtLevel=1",)


SCHEMES = ("webhdfs", "hdfs")
"""The protocols by which a storage reaches HDFS."""


class Hdfs(Service):
    """HDFS on loopback, everything of it below one folder; a context manager that ends it.

    Parameters
    ----------
    folder : Path
        Its own folder: configuration, logs, data. A folder used before is gone on with.
    datanodes : int
        How many DataNodes.
    ha : bool
        Two NameNodes that share their edits; the first is active until `fail_over`.
    kerberos : Kerberos
        Who asks has to prove it.
    tls : Tls
        WebHDFS by HTTPS alone.
    settings
        More of Hadoop's settings; ``dfs.`` ones go to hdfs-site.xml, others to core-site.xml.
    lasting : bool
        It outlives this program, as quick as Hadoop is by default; else it ends with it, and is
        made for many small files.
    ports
        Ports to take where they are free: WebHDFS and RPC of each NameNode in turn.

    Attributes
    ----------
    user : str
        The superuser: who started it.
    conf : Path
        The folder for ``HADOOP_CONF_DIR``.
    namenodes, datanodes : list of Daemon
        Each can be killed, terminated and started again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        datanodes: int = 1,
        ha: bool = False,
        kerberos: Kerberos | None = None,
        tls: Tls | None = None,
        settings: Mapping[str, str] | None = None,
        lasting: bool = False,
        ports: tuple[int, ...] = (),
    ) -> None:
        self.folder = folder
        self.user = getpass.getuser()
        self.conf = folder / "conf"
        self._kerberos = kerberos
        self._tls = tls
        self._more = {
            **({} if lasting else IMPATIENT),
            **(kerberos.settings if kerberos else {}),
            **(tls.settings if tls else {}),
            **(settings or {}),
        }
        self._trust = ssl.create_default_context(cafile=tls.authority) if tls else None
        self._active = 0
        self._home = hadoop()
        self._options = (*(() if lasting else _QUICK), *(kerberos.options if kerberos else ()))
        self._web, self._rpc = self._ports(2 if ha else 1, ports)
        self.namenodes = [self._daemon(f"namenode{n}", lasting) for n in range(len(self._web))]
        self.datanodes = [self._daemon(f"datanode{n}", lasting) for n in range(datanodes)]

    def _ports(self, namenodes: int, wished: tuple[int, ...]) -> tuple[list[int], list[int]]:
        self.conf.mkdir(parents=True, exist_ok=True)
        kept = self.folder / "ports.json"
        if not kept.exists():
            wishes = [*wished, *[None] * (2 * namenodes - len(wished))]
            kept.write_text(json.dumps([free_port(wish) for wish in wishes]))
        ports = json.loads(kept.read_text())
        return ports[::2], ports[1::2]

    def _daemon(self, name: str, lasting: bool) -> Daemon:
        role, number = name[:-1], name[-1]
        data = (self.folder / name).as_uri()
        own = {"namenode": "dfs.namenode.name.dir", "datanode": "dfs.datanode.data.dir"}[role]
        command = java(self._home / "jars", self.conf, options=self._options)
        command.append(
            f"{_SERVER}.{role}.{ {'namenode': 'NameNode', 'datanode': 'DataNode'}[role] }"
        )
        command += ["-D", f"{own}={data}"]
        if role == "namenode" and len(self._web) > 1:
            command += ["-D", f"dfs.ha.namenode.id=nn{number}"]
        return Daemon(self.folder, name, command, lasting=lasting)

    @property
    def webhdfs_url(self) -> str:
        """The root over WebHDFS, without a slash at its end; both hosts of a pair."""
        scheme = "swebhdfs" if self._tls else "webhdfs"
        return f"{scheme}://{','.join(f'localhost:{port}' for port in self._web)}"

    @property
    def hdfs_url(self) -> str:
        """The root over Hadoop's RPC, without a slash at its end; both hosts of a pair."""
        return f"hdfs://{','.join(f'localhost:{port}' for port in self._rpc)}"

    def url(self, scheme: str) -> str:
        """The root by one of `SCHEMES`."""
        return self.hdfs_url if scheme == "hdfs" else self.webhdfs_url

    def start(self, patience: float = 240.0) -> None:
        """Start what does not run, and wait until a file can be written.

        Raises
        ------
        HadoopError
            A daemon ended, or it took longer than so many seconds; names the log.
        """
        write_configuration(self.conf, self.folder, rpc=self._rpc, web=self._web, more=self._more)
        if self._tls:
            write_site(self.conf / "ssl-server.xml", self._tls.server)
        self._make_names()
        for daemon in (*self.namenodes, *self.datanodes):
            daemon.start()
        if len(self.namenodes) > 1:
            self._activate(self._active, patience)
        self.wait(patience)

    def _make_names(self) -> None:
        version = f"CID-{uuid.uuid4()}"
        for daemon in self.namenodes:
            name = self.folder / daemon.name
            if name.exists():
                continue
            shutil.copytree(self._home / "name", name)
            # A cluster id of its own: a DataNode that strays from another one is refused.
            known = name / "current" / "VERSION"
            lines = known.read_text().splitlines()
            kept = [line for line in lines if not line.startswith("clusterID=")]
            known.write_text("\n".join([*kept, f"clusterID={version}", ""]))

        if len(self.namenodes) > 1 and not (self.folder / "shared").exists():
            of_images = shutil.ignore_patterns("fsimage*")
            own = self.folder / self.namenodes[0].name
            shutil.copytree(own, self.folder / "shared", ignore=of_images)

    @property
    def active(self) -> Daemon:
        """The NameNode that takes requests."""
        return self.namenodes[self._active]

    def fail_over(self, patience: float = 240.0) -> None:
        """Make the other NameNode of a pair the active one, as whoever fences the first does."""
        self._activate(1 - self._active, patience)

    def _activate(self, number: int, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                self.admin("-transitionToActive", "--forceactive", f"nn{number}", tool="DFSHAAdmin")
            except HadoopError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                self._active = number
                return

    def stop(self) -> None:
        """End everything; the data stay."""
        for daemon in (*self.datanodes, *self.namenodes):
            daemon.terminate()

    def wait(self, patience: float = 240.0) -> None:
        """Wait until every daemon that was not ended takes part and a file can be written.

        Raises
        ------
        HadoopError
            A daemon ended by itself, or it took longer than so many seconds.
        """
        deadline = time.monotonic() + patience
        while not self.ready():
            for daemon in (*self.namenodes, *self.datanodes):
                if daemon.pid is None:
                    raise HadoopError(
                        f"{daemon.name} ended: {daemon.last_words()}; see {daemon.log}"
                    )
            if time.monotonic() > deadline:
                log = self.namenodes[0].log
                raise HadoopError(f"HDFS was not ready after {patience:g} s; see {log}")
            time.sleep(0.1)

    def ready(self) -> bool:
        """Whether all DataNodes are there and a file can be written."""
        if self._kerberos:  # without a ticket not even a NameNode's state is to be had
            return all(
                _REPORTED in daemon.log.read_text(errors="replace") for daemon in self.datanodes
            )
        live = sum(daemon.pid is not None for daemon in self.datanodes)
        try:
            state = self.bean("FSNamesystemState")
            if state["NumLiveDataNodes"] < live or not state["CapacityRemaining"]:
                return False
            name = f"/.ready-{uuid.uuid4().hex}"
            self.rest("PUT", name, "CREATE", b"ready")
            self.rest("DELETE", name, "DELETE")
        except (OSError, KeyError, ValueError):
            return False
        return True

    def bean(self, name: str) -> dict[str, Any]:
        """Return one of the active NameNode's own tables of measures, as ``/jmx`` has it."""
        query = f"qry=Hadoop:service=NameNode,name={name}"
        beans: list[dict[str, Any]] = json.loads(self._ask(f"{self._page}/jmx?{query}"))["beans"]
        return beans[0] if beans else {}

    @property
    def _page(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self._web[self._active]}"

    def _ask(self, url: str, method: str = "GET", data: bytes | None = None) -> bytes:
        request = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            content: bytes = answer.read()
        return content

    def rest(
        self, method: str, path: str, op: str, data: bytes | None = None, **options: str
    ) -> dict[str, Any]:
        """Do one operation of WebHDFS as the superuser, without any client library.

        Raises
        ------
        OSError
            It was refused; the text is the server's own.
        """
        query = urllib.parse.urlencode({"op": op, "user.name": self.user, **options})
        url = f"{self._page}/webhdfs/v1{urllib.parse.quote(path)}?{query}"
        try:
            if data is not None:
                url = json.loads(self._ask(f"{url}&noredirect=true", method))["Location"]
            content = self._ask(url, method, data)
        except urllib.error.HTTPError as e:
            raise OSError(f"{op} {path}: {e.read().decode(errors='replace')}") from e
        found: dict[str, Any] = json.loads(content) if content else {}
        return found

    def admin(
        self,
        *arguments: str,
        tool: str = "DFSAdmin",
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Run one of Hadoop's own commands, with variables such as a ticket's.

        Returns
        -------
        str
            What it says.

        Raises
        ------
        HadoopError
            It failed.
        """
        options = (*_QUICK, *(self._kerberos.options if self._kerberos else ()))
        command = java(self._home / "jars", self.conf, options=options)
        done = subprocess.run(
            [*command, f"org.apache.hadoop.hdfs.tools.{tool}", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(variables or {})},
        )
        if done.returncode:
            raise HadoopError(f"{tool} {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def safe_mode(self, on: bool) -> None:
        """Have the NameNode refuse every change, or take changes again."""
        self.admin("-safemode", "enter" if on else "leave")

    def set_quota(self, path: str, *, names: int = -1, space: int = -1) -> None:
        """Limit how many files and folders, and how many bytes, a folder may hold.

        -1 takes a limit away. Bytes count once a replica, and a block that is being written
        counts as if it were full.
        """
        self.rest("PUT", path, "SETQUOTA", namespacequota=str(names), storagespacequota=str(space))
