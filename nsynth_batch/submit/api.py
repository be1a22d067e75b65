"""The Kubernetes API by its own Python client: requests, and the errors when they fail."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from nsynth_batch.errors import INFRASTRUCTURE, USAGE, CommandError
from nsynth_batch.submit.job_state import Object
from sequencer.text import flattened

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0

_HOME = "~/.kube/config"
_IN_A_POD = "KUBERNETES_SERVICE_HOST"
_MALFORMED = (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError)
"""What the client's reading of a kubeconfig of the wrong shape ends with, beside its own error."""


class Refused(CommandError):
    """The API server answered, and not with what was asked for.

    Parameters
    ----------
    message : str
        One line.
    exit_code : int
        What to end with.
    status : int
        Of HTTP.
    """

    def __init__(self, message: str, exit_code: int, status: int) -> None:
        super().__init__(message, exit_code)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == 429 or self.status >= 500


class Unreachable(CommandError):
    """No server answered.

    Parameters
    ----------
    message : str
        One line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, INFRASTRUCTURE)


class Api:
    """A cluster, as a kubeconfig or the pod that this runs in describes it.

    Parameters
    ----------
    kubeconfig : str, optional
        Its file; None takes ``KUBECONFIG``, then ``~/.kube/config``, then the pod's own account.
    context : str, optional
        Of the kubeconfig; None takes its current one.

    Raises
    ------
    CommandError
        If the client is not installed, or the configuration cannot be used.
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._given = (kubeconfig, context)
        # Where a program gives tickets, the client logs its failure; the request that follows
        # fails as well, and its line is ours.
        logging.getLogger().addHandler(logging.NullHandler())
        self.renew()

    def renew(self) -> None:
        """Read the configuration again: a token in it may be a new one."""
        try:
            from kubernetes import client, config
        except ImportError as error:
            raise CommandError(
                "submit needs the Kubernetes client: pip install 'nsynth-batch[kubernetes]'; "
                "--render works without",
                USAGE,
            ) from error
        kubeconfig, context = self._given
        place = kubeconfig or os.environ.get("KUBECONFIG") or _HOME
        settings = client.Configuration()
        # Retries are ours: they have to know what was read already.
        settings.retries = False
        try:
            if kubeconfig is None and _IN_A_POD in os.environ and not _is_there(place):
                config.load_incluster_config(client_configuration=settings)
            else:
                config.load_kube_config(
                    place, context, client_configuration=settings, persist_config=False
                )
        except (config.ConfigException, *_MALFORMED) as error:
            raise CommandError(
                f"{place} is no kubeconfig that can be used: {flattened(str(error))}; give "
                "--kubeconfig and --context",
                USAGE,
            ) from error
        self._client = client.ApiClient(settings)
        self.host: str = settings.host

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: str | None = None,
        of_json: bool = False,
    ) -> Object:
        """Make a request and give the object that it is answered with.

        Parameters
        ----------
        method, path : str
            Of HTTP; the path without the server's own.
        query : Mapping, optional
            Its query.
        body : str, optional
            YAML, sent as it is.
        of_json
            Whether the body is JSON instead.

        Raises
        ------
        Refused
            If the server refuses.
        Unreachable
            If it does not answer.
        """
        content = "application/json" if of_json else "application/yaml"
        response = self._send(method, path, query or {}, body, content)
        try:
            answer: Object = json.loads(response.data)
        except urllib3.exceptions.HTTPError as error:
            raise self.unreachable(error) from error
        except ValueError as error:
            raise Unreachable(f"{self.host} does not answer as Kubernetes does") from error
        return answer

    def stream(self, path: str, query: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Begin to read something that may go on for long; errors as those of `ask`."""
        return self._send("GET", path, query, None, "application/json")

    def unreachable(self, error: Exception) -> Unreachable:
        """Return the error for a connection that failed."""
        return Unreachable(f"{self.host} does not answer: {flattened(str(error))}")

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: str | None, content: str
    ) -> urllib3.BaseHTTPResponse:
        settings = self._client.configuration
        headers = {**self._client.default_headers, "Accept": "application/json, */*"}
        # Asked for each time: a token may be renewed while a run is followed.
        if token := settings.auth_settings().get("BearerToken", {}).get("value"):
            headers["authorization"] = token
        if body is not None:
            headers["Content-Type"] = content
        url = f"{settings.host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer: urllib3.BaseHTTPResponse = self._client.rest_client.pool_manager.request(
                method,
                url,
                headers=headers,
                body=body,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            )
            if answer.status >= 300:
                raise refused(answer.status, answer.data)
        except urllib3.exceptions.HTTPError as error:
            raise self.unreachable(error) from error
        return answer


def refused(status: int, body: bytes) -> Refused:
    """Return the error for a refused request.

    Parameters
    ----------
    status : int
        Of HTTP.
    body : bytes
        A ``Status`` object as JSON, or the answer of a proxy in between.
    """
    answer = flattened(_message(body)) or f"HTTP status {status}"
    if status == 401:
        line, code = f"the cluster does not know who asks ({answer}): renew the kubeconfig", USAGE
    elif status == 403 and "exceeded quota" in answer:
        line, code = f"the namespace's quota is used up: {answer}", INFRASTRUCTURE
    elif status == 403 and "admission webhook" in answer:
        line, code = f"the cluster's policy refuses it: {answer}", USAGE
    elif status == 403:
        line, code = f"missing rights: {answer}; ask who runs the cluster for them", USAGE
    elif status == 404:
        line, code = f"not there: {answer}", USAGE
    elif status in {400, 409, 413, 415, 422}:
        line, code = f"refused: {answer}", USAGE
    else:
        line, code = f"the cluster cannot answer now ({status}): {answer}", INFRASTRUCTURE
    return Refused(line, code, status)


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return text[:300]
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else text[:300]


def _is_there(kubeconfig: str) -> bool:
    # KUBECONFIG may name several files.
    return any(Path(each).expanduser().is_file() for each in kubeconfig.split(os.pathsep))
