"""Real Hadoop: a NameNode and DataNodes as processes of their own, on loopback.

Only the standard library is used, so that ``make hdfs`` needs no virtual environment.
"""

from tests.components.hadoop.cluster import SCHEMES, Hdfs
from tests.components.hadoop.daemon import HadoopError
from tests.components.hadoop.security import Kerberos, Tls

__all__ = ["SCHEMES", "HadoopError", "Hdfs", "Kerberos", "Tls"]
