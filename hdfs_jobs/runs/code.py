"""Which code a process runs: workers must run that of the command that gives them shards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hdfs_jobs.errors import InfrastructureError, UsageError, in_one_line

if TYPE_CHECKING:
    from distributed import Client, Future

_Result = TypeVar("_Result")

_DIGITS = 12
_ERROR_SECONDS = 10.0
_CALL = "getattr(__import__(module, fromlist=[name]), name)(*arguments)"


@dataclass(frozen=True, slots=True)
class Code:
    """What must be the same in the command and in its workers.

    Attributes
    ----------
    packages : tuple of str
        Import packages of which every line counts.
    distribution : str
        The installed distribution that they come in, for its version; empty for none.
    """

    packages: tuple[str, ...] = ("hdfs_jobs",)
    distribution: str = ""

    def with_package_of(self, kind: type) -> Code:
        """Return what counts where the package of a class does as well.

        A class of a script or a notebook travels to the workers whole.
        """
        top = kind.__module__.partition(".")[0]
        packages = dict.fromkeys((*self.packages, *([] if top == "__main__" else [top])))
        return replace(self, packages=tuple(packages))

    def proof(self) -> dict[str, str]:
        """Return version and digests of this process's code.

        >>> list(Code(("hdfs_jobs",)).proof())
        ['hdfs_jobs']
        """
        found = {name: code_digest(name) for name in self.packages}
        if self.distribution:
            try:
                found[self.distribution] = version(self.distribution)
            except PackageNotFoundError:
                found[self.distribution] = "not installed"
        return found


OWN_CODE = Code()
"""This package."""


@cache
def code_digest(package: str) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a package's Python files.

    They are read once a process. Compiled modules are left out: one source has other bytes on
    another kind of processor.
    """
    spec = find_spec(package)
    hashed = hashlib.sha256()
    for top in (spec and spec.submodule_search_locations) or ():
        folder = Path(top)
        for file in sorted(folder.rglob("*.py")):
            content = hashlib.sha256(file.read_bytes()).digest()
            hashed.update(file.relative_to(folder).as_posix().encode() + b"\0" + content)
    return hashed.hexdigest()[:_DIGITS]


def submit_by_name(
    client: Client, function: Callable[..., _Result], *arguments: object, **options: object
) -> Future[_Result]:
    """Submit a function that the worker looks up by its name once the task runs.

    A task that Dask itself cannot unpickle ends its worker, and the next one, with no word of why;
    one that looks in vain fails, and its error names what is missing.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    function : callable
        At the top of its module.
    *arguments : object
        Of types that every Python has.
    **options : object
        As `Client.submit` takes them.
    """
    names = {"module": function.__module__, "name": function.__qualname__, "arguments": arguments}
    return client.submit(eval, _CALL, names, pure=False, **options)


def refuse_other_code(
    packages: tuple[str, ...], distribution: str, wanted: Mapping[str, str], who: str
) -> None:
    """Compare the code of the process that calls this with the command's.

    Parameters
    ----------
    packages : tuple of str
        What counts of the code.
    distribution : str
        What its version is that of.
    wanted : mapping of str to str
        The proof of the command.
    who : str
        This process, for the message.

    Raises
    ------
    UsageError
        It is other code.
    """
    if fault := difference(wanted, Code(packages, distribution).proof(), who):
        raise UsageError(fault)


def ask_worker(client: Client, code: Code, wanted: Mapping[str, str], address: str) -> Future[None]:
    """Have one worker compare its code with the command's proof; it fails if that differs.

    It returns nothing: a result would have to be fetched from the worker, which may have died.
    """
    arguments = (code.packages, code.distribution, dict(wanted), f"worker {address}")
    return submit_by_name(client, refuse_other_code, *arguments, workers=[address], priority=1)


def is_missing_here(error: BaseException, code: Code) -> bool:
    """Whether a task failed because its worker has not one of the packages."""
    name = error.name if isinstance(error, ImportError) else None
    return name is not None and name.partition(".")[0] in code.packages


def fault_of(answer: Future[None], who: str) -> str | None:
    """Return what is wrong with a worker that has answered; None if nothing is.

    Parameters
    ----------
    answer : distributed.Future
        Of `ask_worker`, done.
    who : str
        The worker, for the message.

    Returns
    -------
    str or None
        One line. Nothing is wrong with a worker that was lost before it could answer.
    """
    if answer.status != "error":
        return None
    # An error came with the announcement of it; its worker is not asked again.
    error = answer.exception(timeout=_ERROR_SECONDS)
    if error is None or type(error).__name__ == "KilledWorker":
        return None
    return str(error) if isinstance(error, UsageError) else cannot_load(who, error)


def cannot_load(who: str, error: BaseException) -> str:
    """Return in one line that a worker could not even show its code."""
    reason = in_one_line(f"{type(error).__name__}: {error}")
    return f"{who} cannot load this program ({reason}): install there what runs here"


def difference(wanted: Mapping[str, str], found: Mapping[str, str], who: str) -> str | None:
    """Return how the code of a worker differs from the command's, in one line; None if not."""
    other = [name for name in wanted if found.get(name) != wanted[name]]
    if not other:
        return None
    pairs = ", ".join(f"{n} {found.get(n, 'missing')} instead of {wanted[n]}" for n in other)
    return f"{who} runs other code ({pairs}): install there what runs here"


def check_workers(client: Client, code: Code, seconds: float) -> None:
    """Make sure that all workers of a scheduler run the code of this process.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler.
    code : Code
        What must be the same as here.
    seconds : float
        How long to wait for their answers.

    Raises
    ------
    UsageError
        A worker runs other code, or cannot load it.
    InfrastructureError
        A worker gave no answer.
    """
    from distributed import wait

    wanted = code.proof()
    addresses = client.scheduler_info(n_workers=-1)["workers"]
    asked = {address: ask_worker(client, code, wanted, address) for address in addresses}
    with suppress(TimeoutError):
        wait(list(asked.values()), timeout=seconds)
    silent = [address for address, answer in asked.items() if not answer.done()]
    faults = [
        fault_of(answer, f"worker {address}")
        for address, answer in asked.items()
        if address not in silent
    ]
    client.cancel(list(asked.values()))
    for fault in filter(None, faults):
        raise UsageError(fault)
    if silent:
        raise InfrastructureError(
            f"{len(silent)} of {len(asked)} workers, such as {silent[0]}, begin nothing in "
            f"{seconds:.0f} seconds: they are busy, or paused for want of memory"
        )
