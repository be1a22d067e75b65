"""Real servers of S3 on loopback: Ceph, as Debian has it, and the Versity gateway, built by Go."""

from tests.components.s3.ceph import Ceph
from tests.components.s3.server import S3Error, S3Server
from tests.components.s3.versitygw import VersityGateway

SERVERS: dict[str, type[S3Server]] = {"ceph": Ceph, "versitygw": VersityGateway}
"""Every server, by the name that `need` knows."""

__all__ = ["SERVERS", "Ceph", "S3Error", "S3Server", "VersityGateway"]
