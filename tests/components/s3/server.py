"""What servers of S3 have in common: an endpoint, one bucket, and who may use it."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from abc import abstractmethod
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.components.hadoop.configuration import free_port
from tests.components.hadoop.daemon import Daemon
from tests.components.service import Service

if TYPE_CHECKING:
    from pytest import MonkeyPatch

BUCKET = "recordings"
ACCESS_KEY = "AKIAEXAMPLE"
SECRET_KEY = "an-example-and-no-secret"
_NOWHERE_ELSE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
}
"""Nothing of the machine that the tests run on is asked for credentials."""


class S3Error(Exception):
    """A server did not do what it was asked; one line that names the log."""


class S3Server(Service):
    """A server on loopback, all of it below one folder; a context manager that ends it.

    Parameters
    ----------
    folder : Path
        Its own folder. A folder used before is gone on with, where the server keeps its data.
    lasting : bool
        It outlives this program; else it ends with it.

    Attributes
    ----------
    authority : Path, optional
        Who signed its certificate, if it takes TLS alone.
    """

    ports = 1

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        self.folder = folder
        self.authority: Path | None = None
        self._lasting = lasting
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "ports.json"
        if not kept.exists():
            kept.write_text(json.dumps([free_port(None) for _ in range(self.ports)]))
        self.port, *self._more_ports = json.loads(kept.read_text())

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """The address for ``AWS_ENDPOINT_URL``."""
        return f"{'https' if self.authority else 'http'}://{self.host}"

    @property
    def url(self) -> str:
        """The bucket."""
        return f"s3://{BUCKET}"

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of a client needs."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def set_up(self, monkeypatch: MonkeyPatch, **changed: str) -> None:
        """Have this process be a client of it for one test, with some variables changed."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in {**self.variables, **_NOWHERE_ELSE, **changed}.items():
            monkeypatch.setenv(name, value)
        # Processes that it forks have the variables of when it began.
        forkserver._forkserver._stop()

    @abstractmethod
    def daemons(self) -> Sequence[Daemon]:
        """Return its processes, in the order in which they are ended."""

    @abstractmethod
    def launch(self) -> None:
        """Start what does not run."""

    def start(self, patience: float = 120.0) -> None:
        """Start what does not run, and wait until there is a bucket.

        Raises
        ------
        S3Error
            A process ended, or it took longer than so many seconds; names the log.
        """
        self.launch()
        deadline = time.monotonic() + patience
        while not self._answers():
            for daemon in self.daemons():
                if daemon.pid is None:
                    raise S3Error(f"{daemon.name} ended: {daemon.last_words()}; see {daemon.log}")
            if time.monotonic() > deadline:
                raise S3Error(f"no server after {patience:g} s; see {self.folder}")
            time.sleep(0.1)
        client = self.client()
        if BUCKET not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        if self.authority:
            trusted = ssl.create_default_context(cafile=self.authority)
            connection = http.client.HTTPSConnection(self.host, timeout=10, context=trusted)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()

    def client(self, service: str = "s3", **options: object) -> Any:
        """Return AWS' own client of a service, for what a test does past the storage."""
        import botocore.session
        from botocore.config import Config

        return botocore.session.get_session().create_client(
            service,
            endpoint_url=self.endpoint,
            verify=str(self.authority) if self.authority else None,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=32,
                **options,
            ),
        )

    def stop(self) -> None:
        """End everything."""
        for daemon in self.daemons():
            daemon.terminate()
