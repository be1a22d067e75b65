"""Ceph: a monitor, an object store in memory, and the gateway that speaks S3."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.components.hadoop.daemon import Daemon
from tests.components.needs import program
from tests.components.s3.server import ACCESS_KEY, SECRET_KEY, S3Error, S3Server

KMS_KEY = "a-key-of-the-tests"
"""Its id: what `AWS_SSE_KMS_KEY_ID` may name."""
_USER = "tests"
_ROLE = "jobs"

_PATIENCE = 120.0
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}/0
public addr = 127.0.0.1
public network = 127.0.0.0/8
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$name.$pid.asok
pid file =
log to file = false
log to stderr = true
err to stderr = true
mon data = {folder}/mon
mon data avail crit = 1
mon allow pool size one = true
mon max pg per osd = 2000
auth allow insecure global id reclaim = false
osd data = {folder}/osd
osd objectstore = memstore
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
memstore device bytes = 4294967296
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw thread pool size = 32
rgw s3 auth use sts = true
rgw sts key = of-16-characters
rgw sts min session duration = 1
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = {kms}={secret}
"""


class Ceph(S3Server):
    """A whole cluster, whose objects are in memory and end with it."""

    ports = 2

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        super().__init__(folder, lasting=lasting)
        self._configuration = folder / "ceph.conf"
        self._monitor = self._daemon("ceph-mon", "--id", "a")
        self._objects = self._daemon("ceph-osd", "--id", "0", "--keyring", f"{folder}/osd.keyring")
        self._gateway = self._daemon("radosgw", "--name", "client.admin")

    def _daemon(self, name: str, *options: str) -> Daemon:
        command = [*self._command(name, *options), "--foreground"]
        return Daemon(self.folder, name, command, lasting=self._lasting)

    def daemons(self) -> Sequence[Daemon]:
        """Return gateway, object store and monitor."""
        return [self._gateway, self._objects, self._monitor]

    def launch(self) -> None:
        """Make a new cluster, unless one runs, and a user of its gateway."""
        if all(daemon.pid is not None for daemon in self.daemons()):
            return
        self.stop()
        self._make_monitor()
        self._monitor.start()
        self._make_objects()
        self._objects.start()
        self._run(
            *("radosgw-admin", "user", "create", "--uid", _USER, "--display-name", _USER),
            *("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY),
        )
        self._make_role()
        self._gateway.start()

    def _make_role(self) -> None:
        who = {"AWS": [f"arn:aws:iam:::user/{_USER}"]}
        role = ("--role-name", _ROLE)
        policy = ("--policy-name", "all", "--policy-doc", _policy("s3:*", Resource="*"))
        trust = ("--assume-role-policy-doc", _policy("sts:AssumeRole", Principal=who))
        self._run("radosgw-admin", "role", "create", *role, "--path", "/", *trust)
        self._run("radosgw-admin", "role-policy", "put", *role, *policy)

    def add_key(self, key: str, secret: str) -> None:
        """Let another key do what the first one may."""
        login = ("--access-key", key, "--secret-key", secret)
        self._run("radosgw-admin", "key", "create", "--uid", _USER, "--key-type", "s3", *login)

    def remove_key(self, key: str) -> None:
        """Accept a key no longer."""
        self._run("radosgw-admin", "key", "rm", "--uid", _USER, "--access-key", key)

    def temporary_login(self, seconds: int) -> tuple[str, str, str]:
        """Return a key, its secret and a token that the server takes for so many seconds."""
        # The least that AWS' client takes to ask for is 900 seconds.
        given = self.client("sts", parameter_validation=False).assume_role(
            RoleArn=f"arn:aws:iam:::role/{_ROLE}", RoleSessionName=_ROLE, DurationSeconds=seconds
        )["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def _make_monitor(self) -> None:
        for name in ("mon", "osd"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        fsid, (monitor,) = str(uuid.uuid4()), self._more_ports
        kms = {"kms": KMS_KEY, "secret": base64.b64encode(bytes(range(32))).decode()}
        self._configuration.write_text(
            _CONFIGURATION.format(
                fsid=fsid, monitor=monitor, gateway=self.port, folder=self.folder, **kms
            )
        )
        keyring, allowed = f"{self.folder}/keyring", "allow *"
        self._tool("ceph-authtool", "--create-keyring", keyring, "--gen-key", "--name", "mon.")
        self._tool("ceph-authtool", keyring, "--name", "mon.", "--cap", "mon", allowed)
        self._tool("ceph-authtool", keyring, "--gen-key", "--name", "client.admin")
        caps = [part for what in ("mon", "osd", "mgr") for part in ("--cap", what, allowed)]
        self._tool("ceph-authtool", keyring, "--name", "client.admin", *caps)
        place = f"[v2:127.0.0.1:{monitor}]"
        monmap = f"{self.folder}/monmap"
        self._tool(
            "monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", place, monmap
        )
        self._run("ceph-mon", "--mkfs", "--id", "a", "--monmap", monmap)

    def _make_objects(self) -> None:
        key = self._tool("ceph-authtool", "--gen-print-key").strip()
        name, keyring = str(uuid.uuid4()), f"{self.folder}/osd.keyring"
        secret = self.folder / "osd.json"
        secret.write_text(json.dumps({"cephx_secret": key}))
        self._run("ceph", "osd", "new", name, "-i", str(secret))
        self._tool(
            "ceph-authtool", "--create-keyring", keyring, "--name", "osd.0", "--add-key", key
        )
        self._run("ceph-osd", "--mkfs", "--id", "0", "--osd-uuid", name, "--keyring", keyring)

    def _command(self, name: str, *options: str) -> list[str]:
        return [program(name) or name, "--conf", str(self._configuration), *options]

    def _run(self, name: str, *arguments: str) -> str:
        return self._tool(*self._command(name, *arguments))

    def _tool(self, *command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE
        )
        if done.returncode:
            raise S3Error(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        return done.stdout


def _policy(action: str, **more: object) -> str:
    statement = {"Effect": "Allow", "Action": [action], **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
