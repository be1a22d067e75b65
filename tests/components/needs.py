"""What a test needs of the machine, and the one command that installs what is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_KUSTOMIZE = 5
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def program(name: str) -> str | None:
    """Find a program, in the folders too that only root has on its path."""
    places = (Path(folder) / name for folder in _SBIN)
    return shutil.which(name) or next((str(place) for place in places if place.exists()), None)


@dataclass(frozen=True)
class Component:
    """Something real that tests run against.

    Attributes
    ----------
    packages
        The Debian packages that bring it.
    there
        Whether the machine has it.
    refused
        Says why the machine, though it has it, does not let this user run it, if so.
    """

    packages: tuple[str, ...]
    there: Callable[[], bool]
    refused: Callable[[], str | None] = lambda: None


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(program(name) for name in names)


def _kerberos() -> bool:
    # The client's library is built against the system's, so it may be the part that is missing.
    return _programs("krb5kdc", "kadmin.local", "kinit")() and bool(find_spec("requests_kerberos"))


def _kubectl() -> bool:
    asked = [program("kubectl") or "false", "version", "--client", "--output=json"]
    told = subprocess.run(asked, capture_output=True, text=True).stdout
    kustomize = json.loads(told or "{}").get("kustomizeVersion", "v0")
    return int(kustomize.removeprefix("v").split(".")[0]) >= _KUSTOMIZE


def _namespaces() -> str | None:
    from tests.components.images import unavailable

    return unavailable()


COMPONENTS = {
    "hdfs": Component(("default-jdk-headless", "maven"), _programs("java", "mvn")),
    "ceph": Component(
        ("ceph-common", "ceph-mon", "ceph-osd", "radosgw"),
        _programs("ceph", "ceph-mon", "ceph-osd", "radosgw"),
    ),
    "versitygw": Component(("golang-go",), _programs("go")),
    "kerberos": Component(("krb5-kdc", "krb5-admin-server", "krb5-user", "libkrb5-dev"), _kerberos),
    "mediawiki": Component(
        (
            *("mediawiki", "php-cli", "php-sqlite3", "php-mbstring"),
            *("php-xml", "php-intl", "php-curl", "php-gd"),
        ),
        lambda: _programs("php")() and Path("/usr/share/mediawiki").is_dir(),
    ),
    # Debian 12's own is too old to render components, which Debian 13's is not.
    "kubectl": Component(("kubernetes-client",), _kubectl),
    "images": Component(
        ("bubblewrap", "buildah", "fakechroot", "fakeroot", "mmdebstrap"),
        _programs("buildah", "bwrap", "fakechroot", "fakeroot", "mmdebstrap"),
        _namespaces,
    ),
    "faketime": Component(("faketime",), _programs("faketime")),
    "ffmpeg": Component(("ffmpeg",), _programs("ffmpeg", "ffprobe")),
    "rsync": Component(("rsync",), _programs("rsync")),
    "prometheus": Component(("prometheus",), _programs("prometheus", "promtool")),
    "bochs": Component(("bochs", "bochs-term"), _programs("bochs")),
    "chromium": Component(("chromium", "chromium-driver"), _programs("chromium", "chromedriver")),
}

_MISSING = " is not installed"


def need(name: str) -> None:
    """Skip the test where the machine lacks a component; the end of the run says what to do."""
    import pytest  # this file also runs where nothing is installed yet

    component = COMPONENTS[name]
    if not component.there():
        pytest.skip(name + _MISSING)
    if reason := component.refused():
        pytest.skip(f"{name} cannot be used here: {reason}")


def remedy(reasons: Collection[str]) -> str | None:
    """Give the line that ends a run whose skipped tests gave these reasons."""
    missed = [name for name in COMPONENTS if any(name + _MISSING in reason for reason in reasons)]
    if not missed:
        return None
    return (
        f"Skipped for want of {', '.join(missed)}. To run them too: "
        f"sudo apt-get install -y {' '.join(packages(missed))}, and make test again."
    )


def packages(names: Collection[str]) -> list[str]:
    """Give the Debian packages of components."""
    return sorted({package for name in names for package in COMPONENTS[name].packages})


if __name__ == "__main__":
    print(
        " ".join(
            packages([name for name, component in COMPONENTS.items() if not component.there()])
        )
    )
