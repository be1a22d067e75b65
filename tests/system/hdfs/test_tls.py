"""WebHDFS by HTTPS alone, with a certificate of a private authority."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hdfs_jobs.storage.open import open_storage
from tests.components.certificates import PASSWORD, Authority
from tests.components.hadoop import Hdfs, Tls
from tests.components.needs import need
from tests.system.hdfs.trials import LEFT, elsewhere, exchange


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    need("hdfs")
    issued = authority.issue("hdfs", ["localhost"])
    tls = Tls(issued.keystore, PASSWORD, authority.certificate)
    with Hdfs(tmp_path_factory.mktemp("hdfs-tls"), tls=tls) as running:
        yield running


def test_who_trusts_the_authority_is_served(
    secure: Hdfs, authority: Authority, hdfs_folder: str
) -> None:
    assert secure.webhdfs_url.startswith("swebhdfs://")
    trust = {"REQUESTS_CA_BUNDLE": str(authority.certificate)}
    assert elsewhere(trust, exchange, secure.webhdfs_url + hdfs_folder) == LEFT


def test_who_does_not_is_told_what_to_trust(secure: Hdfs, hdfs_folder: str) -> None:
    url = secure.webhdfs_url + hdfs_folder
    with pytest.raises(OSError, match=r"certificate.*REQUESTS_CA_BUNDLE") as caught:
        open_storage(url).stat("")
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)


def test_a_certificate_for_another_name_is_refused(
    secure: Hdfs, authority: Authority, hdfs_folder: str
) -> None:
    trust = {"REQUESTS_CA_BUNDLE": str(authority.certificate)}
    url = secure.webhdfs_url.replace("localhost", "127.0.0.1") + hdfs_folder
    with pytest.raises(OSError, match="certificate"):
        elsewhere(trust, exchange, url)


def test_without_tls_there_is_no_answer(secure: Hdfs, hdfs_folder: str) -> None:
    url = secure.webhdfs_url.replace("swebhdfs", "webhdfs") + hdfs_folder
    with pytest.raises(OSError, match="cannot be reached"):
        open_storage(url).stat("")
