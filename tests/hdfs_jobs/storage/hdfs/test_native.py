"""What the library says, and whether another try can help."""

from __future__ import annotations

import pytest

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.hdfs.native import _explained
from hdfs_jobs.storage.remote import LoginError, PassingError, WrongAddressError

URL = "hdfs://n:8020/zone/x"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("File encryption is not supported", UnsuitableError, "encryption zone"),
        (
            "File is in an HDFS encryption zone but no KMS provider is configured (set "
            "`hadoop.security.key.provider.path` in core-site.xml)",
            UnsuitableError,
            "hadoop.security.key.provider.path",
        ),
        ("Unsupported KMS scheme `kms://ftp@h:1/kms`", UnsuitableError, "encryption zone"),
        ("KMS client has no endpoints configured", UnsuitableError, "encryption zone"),
        ("KMS rejected SPNEGO authentication", LoginError, "kinit"),
        ('UnsupportedErasureCodingPolicy("RS-LEGACY-6-3-1024k")', UnsuitableError, "webhdfs://"),
        ('UnsupportedFeature("hsync is not supported")', UnsuitableError, "webhdfs://"),
        ('InvalidPath("/zone/./x")', UnsuitableError, "/zone/./x"),
        ("UrlParseError(EmptyHost)", UnsuitableError, "HADOOP_CONF_DIR"),
        ('XmlParseError("unexpected end")', UnsuitableError, "HADOOP_CONF_DIR"),
        ("No NameNode hosts found", WrongAddressError, "hdfs://namenode:8020/path"),
        ("KMS HTTP error: connection refused", PassingError, "connection refused"),
        ('DataTransferError("All DataNodes failed")', PassingError, "All DataNodes failed"),
        ('IOError(Os { code: 104, message: "Connection reset by peer" })', PassingError, "reset"),
        ("BlocksNotFound", PassingError, "BlocksNotFound"),
        ("ChecksumError", PassingError, "ChecksumError"),
    ],
)
def test_only_what_can_pass_is_tried_again(text: str, kind: type[OSError], said: str) -> None:
    error = _explained(URL, text)
    assert type(error) is kind
    assert said in str(error) and str(error).startswith(f"{URL}: ") and "\n" not in str(error)
    if isinstance(error, UnsuitableError):
        assert error.exit_code == 2
