"""The settings of a small, quick HDFS on loopback, as Hadoop's own XML files."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

NAMESERVICE = "nsynth"

_LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.target=System.err
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
"""

_WEB = '<web-app version="2.4" xmlns="http://java.sun.com/xml/ns/j2ee"/>'

# Seconds that a real cluster gives to its operators are what a test waits for.
_CORE = {
    "ipc.client.connect.retry.interval": "100",
    "ipc.client.connect.max.retries": "100",
}
_HDFS = {
    "dfs.permissions.enabled": "true",
    "dfs.heartbeat.interval": "1",
    "dfs.namenode.heartbeat.recheck-interval": "1000",
    "dfs.namenode.stale.datanode.interval": "3000",
    "dfs.namenode.avoid.read.stale.datanode": "true",
    "dfs.namenode.avoid.write.stale.datanode": "true",
    "dfs.namenode.write.stale.datanode.ratio": "1",
    "dfs.namenode.safemode.extension": "0",
    "dfs.namenode.redundancy.interval.seconds": "1",
    "dfs.namenode.redundancy.considerLoad": "false",
    "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
    # A file is closed a moment after its DataNode has said so; the next try need not be late.
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "10",
    "dfs.datanode.hostname": "localhost",
    "dfs.datanode.address": "127.0.0.1:0",
    "dfs.datanode.ipc.address": "127.0.0.1:0",
    "dfs.datanode.http.address": "127.0.0.1:0",
    "dfs.datanode.https.address": "127.0.0.1:0",
}

IMPATIENT = {
    # A file may be closed before its DataNode has told of its last block: clients that ask too
    # early wait half a second, for each small file.
    "dfs.namenode.file.close.num-committed-allowed": "1",
}


def free_port(wished: int | None = None) -> int:
    """Return a port of loopback that nobody listens on.

    It lies below the range that outgoing connections take theirs from, so that a server which is
    restarted finds it free again.
    """
    tries = [] if wished is None else [wished]
    tries += random.SystemRandom().sample(range(20000, 32768), 100)
    for port in tries:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port between 20000 and 32768")


def write_site(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as one of Hadoop's XML files."""
    root = ElementTree.Element("configuration")
    for name, value in settings.items():
        setting = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(setting, "name").text = name
        ElementTree.SubElement(setting, "value").text = value
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_configuration(
    conf: Path, folder: Path, *, rpc: list[int], web: list[int], more: Mapping[str, str]
) -> None:
    """Write what daemons and clients read: core-site.xml, hdfs-site.xml, log4j.properties.

    Parameters
    ----------
    conf : Path
        The folder that they go to.
    folder : Path
        Below which the daemons keep their data.
    rpc, web
        A port a NameNode, for Hadoop's RPC and for WebHDFS; two of each make an HA pair.
    more
        Settings that add to these, or replace them.
    """
    authority = NAMESERVICE if len(rpc) > 1 else f"localhost:{rpc[0]}"
    core = _CORE | {
        "fs.defaultFS": f"hdfs://{authority}",
        "hadoop.tmp.dir": str(folder / "tmp"),
    }
    hdfs = _HDFS | {"dfs.replication": "1"}
    if len(rpc) > 1:
        hdfs |= _ha(folder, rpc, web)
    else:
        hdfs |= _addresses("", rpc[0], web[0])
    known = {name: value for name, value in more.items() if not name.startswith("dfs.")}
    write_site(conf / "core-site.xml", core | known)
    write_site(conf / "hdfs-site.xml", hdfs | {n: v for n, v in more.items() if n not in known})
    (conf / "log4j.properties").write_text(_LOG4J)
    for server in ("hdfs", "datanode"):  # the jars lack the pages that the servers insist on
        page = conf / "webapps" / server / "WEB-INF" / "web.xml"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_WEB)


def _addresses(suffix: str, rpc: int, web: int) -> dict[str, str]:
    return {
        f"dfs.namenode.rpc-address{suffix}": f"localhost:{rpc}",
        f"dfs.namenode.http-address{suffix}": f"localhost:{web}",
        f"dfs.namenode.https-address{suffix}": f"localhost:{web}",
    }


def _ha(folder: Path, rpc: list[int], web: list[int]) -> dict[str, str]:
    names = [f"nn{place}" for place in range(len(rpc))]
    provider = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
    settings = {
        "dfs.nameservices": NAMESERVICE,
        f"dfs.ha.namenodes.{NAMESERVICE}": ",".join(names),
        f"dfs.client.failover.proxy.provider.{NAMESERVICE}": provider,
        "dfs.namenode.shared.edits.dir": (folder / "shared").as_uri(),
        "dfs.ha.fencing.methods": "shell(/bin/true)",
        "dfs.ha.tail-edits.period": "1",
        "dfs.ha.log-roll.period": "5",
    }
    for name, *ports in zip(names, rpc, web, strict=True):
        settings |= _addresses(f".{NAMESERVICE}.{name}", *ports)
    return settings
