"""Container images without a container engine: buildah builds them on a base of Debian's packages.

Nothing needs root, nor a range of further user ids: see `unprivileged`. What is built is kept below
``build/images``, so that a second run builds nothing, and a third only what changed since.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_IMAGES = ROOT / "build" / "images"
_UNPRIVILEGED = Path(__file__).with_name("unprivileged.py")
_SUITE = "bookworm"
_LEFT_OUT = ("doc", "info", "locale", "man")
"""What the slim images of Debian leave out, too, of ``/usr/share``."""

_OURS = ("index-url", "extra-index-url", "trusted-host", "proxy", "retries", "timeout")
"""Of pip's settings those that make sense on another machine."""


class ImageError(Exception):
    """An image could not be built; the message names the log."""


@dataclass(frozen=True)
class Image:
    """A built image, unpacked.

    Attributes
    ----------
    root
        Its files.
    config
        What it says of how it is to be run, under Docker's names.
    size
        Bytes of its files.
    """

    root: Path
    config: Mapping[str, Any]
    size: int


def unavailable() -> str | None:
    """Say why no image can be built by this user on this machine, if so."""
    command = [sys.executable, str(_UNPRIVILEGED), "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else None


def build(dockerfile: str, arguments: Mapping[str, str] | None = None) -> Image:
    """Build an image from a Dockerfile of this repository, or take the one that is there.

    Parameters
    ----------
    dockerfile : str
        Its path from the repository's root.
    arguments : mapping of str to str, optional
        What ``--build-arg`` gives.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        If the build fails.
    """
    flags = [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]
    target = _IMAGES / hashlib.sha256(json.dumps([dockerfile, flags]).encode()).hexdigest()[:12]
    stamp = target / "stamp"
    with _alone():
        wanted = _digest([*context_files(), ROOT / dockerfile, Path(__file__)])
        if not stamp.exists() or stamp.read_text() != wanted:
            _remove(target)
            target.mkdir()
            _bootstrap(_base_of(ROOT / dockerfile))
            _bud(ROOT / dockerfile, ROOT, target, flags)
            _unpack(target)
            stamp.write_text(wanted)
    config = json.loads((target / "config.json").read_text())["Docker"]["config"]
    files = target / "root"
    return Image(files, config, sum(path.lstat().st_size for path in files.rglob("*")))


def context_files() -> list[Path]:
    """List the files that .dockerignore lets through to a build, sorted."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = [ROOT / line[1:] for line in lines if line.startswith("!")]
    left_out = [line for line in lines if line.startswith("**/")]
    return sorted(
        file
        for place in let_through
        for file in ([place] if place.is_file() else place.rglob("*"))
        if file.is_file() and not _matches(file.relative_to(ROOT), left_out)
    )


def sent_files(folder: Path) -> list[str]:
    """Tell which files of this repository a build really gets to see.

    Parameters
    ----------
    folder : Path
        An empty one, for what the builder writes.
    """
    everything = folder / "Dockerfile"
    everything.write_text("FROM scratch\nCOPY . /\n")
    with _alone():
        _bud(everything, ROOT, folder, [])
        _unpack(folder)
    seen = folder / "root"
    return sorted(str(file.relative_to(seen)) for file in seen.rglob("*") if file.is_file())


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(part.match(pattern[3:]) for part in (path, *path.parents) for pattern in patterns)


@contextmanager
def _alone() -> Iterator[None]:
    _IMAGES.mkdir(parents=True, exist_ok=True)
    with (_IMAGES / "lock").open("w") as lock:  # test runs side by side build an image once
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _base_of(dockerfile: Path) -> str:
    first = next(line for line in dockerfile.read_text().splitlines() if line.startswith("FROM "))
    return first.split()[1]


def _bootstrap(name: str) -> None:
    """Make the image that a registry would give, from the packages that apt gives here."""
    if (_IMAGES / "base").exists() and (_IMAGES / "base").read_text() == name:
        return
    # Both the base and what was built on another one: the builder's own store only ever grows.
    _remove(_IMAGES / "store")
    archive = _IMAGES / "base.tar"
    command = ["mmdebstrap", "--mode=fakechroot", "--variant=minbase", "--quiet"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{left_out}/*" for left_out in _LEFT_OUT]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    # In a namespace of one user there is none that apt could change to for fetching.
    command += ['--aptopt=APT::Sandbox::User "root"', _SUITE, str(archive)]
    _logged([*command, *_sources()], _IMAGES / "base.log")
    dockerfile = _IMAGES / "Dockerfile.base"
    dockerfile.write_text(f"FROM scratch\nADD {archive.name} /\n")
    _buildah(
        *("build", "--tag", name, "--file", str(dockerfile), str(_IMAGES)),
        log=_IMAGES / "base.log",
    )
    archive.unlink()
    (_IMAGES / "base").write_text(name)


def _sources() -> list[str]:
    """Give the lines of this machine's own sources of packages; none takes Debian's."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    told = subprocess.run(
        [*command, "Created-By: Packages"], capture_output=True, text=True, check=True
    )
    lines = {f"deb {line}" for line in told.stdout.splitlines() if line.split()[1:]}
    return sorted(line for line in lines if line.split()[2].startswith(_SUITE))


def _bud(dockerfile: Path, context: Path, target: Path, flags: Sequence[str]) -> None:
    secrets = [
        f"--secret=id={file.name},src={file}"
        for file in _pip_settings(target / "pip.conf", target / "ca.pem")
    ]
    _buildah(
        # Docker's format: the other one has no healthcheck.
        *("build", "--pull-never", "--layers", "--format", "docker", "--network", "host"),
        *("--iidfile", str(target / "id"), "--file", str(dockerfile)),
        *(*secrets, *flags, str(context)),
        log=target / "build.log",
    )


def _pip_settings(settings: Path, authority: Path) -> list[Path]:
    """Write down how pip reaches its index here, for a build that cannot know; name the files."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = {}
    for line in sorted(told.stdout.splitlines(), reverse=True):  # the environment's come last
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2].replace("default-timeout", "timeout")
        found[key] = str(ast.literal_eval(value))
    certificate = found.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
    lines = [f"{key} = {found[key]}" for key in _OURS if key in found]
    written = [settings]
    if certificate:
        lines.append("cert = /etc/pip-ca.pem")
        shutil.copyfile(certificate, authority)
        written.append(authority)
    settings.write_text("\n".join(["[global]", *lines, ""]))
    return written


def _unpack(target: Path) -> None:
    image = (target / "id").read_text().strip()
    config = _buildah("inspect", "--type", "image", image, log=target / "unpack.log")
    (target / "config.json").write_text(config)
    script = (
        'container=$("$@" from --pull-never "$IMAGE") && folder=$("$@" mount "$container") && '
        'mkdir "$TARGET" && cp -a "$folder/." "$TARGET" && "$@" rm "$container"'
    )
    variables = {"IMAGE": image, "TARGET": str(target / "root")}
    _logged(
        [*_as_root(), "sh", "-c", script, "sh", *_program()],
        target / "unpack.log",
        _environment() | variables,
    )


def _buildah(*arguments: str, log: Path) -> str:
    return _logged([*_as_root(), *_program(), *arguments], log, _environment())


def _remove(folder: Path) -> None:
    # An image has folders that not even their owner may write to.
    subprocess.run([*_as_root(), "rm", "-rf", str(folder)], check=True)


def _as_root() -> list[str]:
    return [sys.executable, str(_UNPRIVILEGED)]


def _program() -> list[str]:
    return [
        *("buildah", "--root", str(_IMAGES / "store"), "--runroot", str(_IMAGES / "run")),
        *("--storage-driver", _driver()),
        *("--short-name-alias-conf", str(_IMAGES / "aliases.conf")),
    ]


def _driver() -> str:
    """Take layers that share files where the kernel lets a user mount them, else full copies."""
    parts = [_IMAGES / "try" / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir(parents=True, exist_ok=True)
    options = "lowerdir={},upperdir={},workdir={},userxattr".format(*parts)
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts[-1])]
    tried = subprocess.run([*_as_root(), *mount], capture_output=True, check=False)
    return "vfs" if tried.returncode else "overlay"


def _environment() -> dict[str, str]:
    scratch = _IMAGES / "tmp"
    scratch.mkdir(exist_ok=True)
    # Its user may have no home, and its files on the way are as big as an image.
    places = {name: str(scratch) for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
    return os.environ | places | {"BUILDAH_ISOLATION": "chroot"}


def _logged(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> str:
    with log.open("a") as out:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
            env=environment,
            text=True,
            check=False,
        )
        out.write(done.stdout)
    if done.returncode:
        last = log.read_text(errors="replace").splitlines()[-1:]
        raise ImageError(f"{command[0]} failed, see {log}: {' '.join(last)}")
    return done.stdout
