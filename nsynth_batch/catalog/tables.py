"""Small tables of a store that no manifest vouches for: the catalog and the pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdfs_jobs.errors import UsageError, in_one_line
from hdfs_jobs.storage.base import Storage

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(
    storage: Storage, path: str, remedy: str, schema: pa.Schema | None = None
) -> pa.Table:
    """Read a Parquet file whole.

    Parameters
    ----------
    storage : Storage
        Where it is.
    path : str
        In the storage.
    remedy : str
        What a person can do if it is damaged.
    schema : pa.Schema, optional
        The columns to give; those that the file lacks are null.

    Raises
    ------
    UsageError
        It is no Parquet file, or a damaged one.
    OSError
        The storage failed.
    """
    import pyarrow as pa

    from hdfs_jobs.datasets.parquet import parse_table

    # Parsing what is in memory cannot fail for the storage: whatever it raises, an OSError as
    # well, is the content's fault and stays so.
    data = storage.read_bytes(path)
    try:
        return parse_table(data, schema)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{storage.url}/{path} cannot be read ({in_one_line(str(error))}): {remedy}"
        ) from error
