"""A Kerberos realm of its own: a real KDC on loopback, without root."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.components.hadoop.configuration import free_port
from tests.components.hadoop.daemon import Daemon
from tests.components.needs import program

_KRB5 = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  permitted_enctypes = aes256-cts-hmac-sha1-96
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
_KDC = """\
[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
[logging]
  kdc = FILE:{folder}/kdc-requests.log
"""


class KerberosError(Exception):
    """A program of Kerberos failed; holds what it said."""


class Realm:
    """A realm with its database, KDC and keytabs below one folder; a context manager.

    Parameters
    ----------
    folder : Path
        Its own folder.
    name : str
        The realm.

    Attributes
    ----------
    configuration : Path
        Its krb5.conf.
    """

    def __init__(self, folder: Path, name: str = "NSYNTH.TEST") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.configuration = folder / "krb5.conf"
        self._folder = folder
        self._port = free_port()
        facts = {"realm": name, "port": self._port, "folder": folder}
        self.configuration.write_text(_KRB5.format(**facts))
        (folder / "kdc.conf").write_text(_KDC.format(**facts))
        server = ["env", f"KRB5_CONFIG={self.configuration}"]
        server += [f"KRB5_KDC_PROFILE={folder / 'kdc.conf'}", _program("krb5kdc"), "-n"]
        self._kdc = Daemon(folder, "kdc", server, lasting=False)

    def __enter__(self) -> Self:
        password = secrets.token_hex(16)
        self._run(_program("kdb5_util"), "create", "-s", "-r", self.name, "-P", password)
        self._kdc.start()
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._kdc.pid is None or time.monotonic() > deadline:
                self._kdc.kill()
                raise KerberosError(f"no KDC: {self._kdc.last_words()}; see {self._kdc.log}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._kdc.terminate()

    def keytab(self, name: str, principals: Sequence[str]) -> Path:
        """Make principals with random keys, and return the keytab that holds them."""
        keytab = self._folder / f"{name}.keytab"
        commands = [f"addprinc -randkey {principal}" for principal in principals]
        commands += [f"ktadd -k {keytab} {principal}" for principal in principals]
        self._run(_program("kadmin.local"), "-r", self.name, text="\n".join([*commands, "quit\n"]))
        if not keytab.exists():
            raise KerberosError(f"kadmin.local made no {keytab}")
        return keytab

    def environment(self, cache: str) -> dict[str, str]:
        """Return the variables of a client whose tickets are in the cache of that name."""
        place = self._folder / f"{cache}.cache"
        return {"KRB5_CONFIG": str(self.configuration), "KRB5CCNAME": f"FILE:{place}"}

    def log_in(self, principal: str, keytab: Path) -> dict[str, str]:
        """Get a ticket as ``kinit`` does, and return the variables of a client that has it."""
        variables = self.environment(principal.replace("/", "-"))
        self._run(_program("kinit"), "-k", "-t", str(keytab), principal, variables=variables)
        return variables

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def _run(
        self, *command: str, text: str = "", variables: Mapping[str, str] | None = None
    ) -> None:
        own = {
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf"),
        }
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env={**os.environ, **own, **(variables or {})},
        )
        if done.returncode:
            raise KerberosError(f"{' '.join(command[:2])}: {done.stdout}{done.stderr}")


def _program(name: str) -> str:
    found = program(name)
    if found is None:
        raise KerberosError(f"{name} is missing: sudo apt-get install -y krb5-kdc krb5-user")
    return found
