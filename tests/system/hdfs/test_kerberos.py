"""HDFS that asks for Kerberos: a KDC, tickets and delegation tokens, all real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.components.hadoop import SCHEMES, Hdfs, Kerberos
from tests.components.kerberos import Realm
from tests.components.needs import need
from tests.system.hdfs.trials import LEFT, elsewhere, exchange, whole_job


@dataclass(frozen=True)
class Secure:
    """A cluster, and the variables of those who use it."""

    hdfs: Hdfs
    owner: dict[str, str]
    other: dict[str, str]
    nobody: dict[str, str]
    keytab: dict[str, str]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    need("hdfs")
    need("kerberos")
    folder = tmp_path_factory.mktemp("hdfs-kerberos")
    with Realm(folder / "realm") as realm:
        services = realm.keytab("services", Kerberos.SERVICES)
        kerberos = Kerberos(realm.name, realm.configuration, services)
        hdfs = Hdfs(folder / "hdfs", kerberos=kerberos)
        people = realm.keytab("people", [hdfs.user, "mallory"])  # who formatted it owns its root
        conf = {"HADOOP_CONF_DIR": str(hdfs.conf)}
        nobody = conf | realm.environment("without-a-ticket")
        with hdfs:
            yield Secure(
                hdfs,
                owner=conf | realm.log_in(hdfs.user, people),
                other=conf | realm.log_in("mallory", people),
                nobody=nobody,
                keytab=nobody | {"KRB5_CLIENT_KTNAME": f"FILE:{people}"},
            )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_ticket_opens_the_cluster(secure: Secure, scheme: str, hdfs_folder: str) -> None:
    url = secure.hdfs.url(scheme) + hdfs_folder
    assert elsewhere(secure.owner, exchange, url) == LEFT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_keytab_opens_it_without_kinit(
    secure: Secure, scheme: str, hdfs_folder: str, tmp_path: Path
) -> None:
    url = secure.hdfs.url(scheme) + hdfs_folder
    fresh = {"KRB5CCNAME": f"FILE:{tmp_path / 'cache'}"}
    assert elsewhere(secure.keytab | fresh, exchange, url) == LEFT


def test_workers_have_the_ticket_too(
    secure: Secure, hdfs_folder: str, undisturbed: list[str]
) -> None:
    url = secure.hdfs.hdfs_url + hdfs_folder
    assert elsewhere(secure.owner, whole_job, url) == undisturbed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_a_ticket_one_line_says_what_to_do(
    secure: Secure, scheme: str, hdfs_folder: str
) -> None:
    url = secure.hdfs.url(scheme) + hdfs_folder
    with pytest.raises(PermissionError, match="kinit") as caught:
        elsewhere(secure.nobody, exchange, url)
    assert str(caught.value).startswith(secure.hdfs.url(scheme))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_name_that_is_claimed_is_not_believed(
    secure: Secure, scheme: str, hdfs_folder: str
) -> None:
    url = secure.hdfs.url(scheme) + hdfs_folder
    claimed = secure.other | {"HADOOP_USER_NAME": secure.hdfs.user}
    with pytest.raises(PermissionError, match="mallory"):
        elsewhere(claimed, exchange, url)


def test_a_token_stands_for_the_ticket_until_it_is_cancelled(
    secure: Secure, hdfs_folder: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "token")
    tool = "DelegationTokenFetcher"
    secure.hdfs.admin(file, tool=tool, variables=secure.owner)
    holder = secure.nobody | {"HADOOP_TOKEN_FILE_LOCATION": file}
    for scheme in SCHEMES:
        url = f"{secure.hdfs.url(scheme)}{hdfs_folder}/{scheme}"
        assert elsewhere(holder, exchange, url) == LEFT
    secure.hdfs.admin("--cancel", file, tool=tool, variables=secure.owner)
    for scheme in SCHEMES:
        with pytest.raises(PermissionError, match="token"):
            elsewhere(holder, exchange, f"{secure.hdfs.url(scheme)}{hdfs_folder}/late")
