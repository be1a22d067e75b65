"""The proxies of the environment, as `requests` uses them."""

from __future__ import annotations

import re

from requests.utils import get_environ_proxies, select_proxy


def proxy_for(url: str) -> str:
    """Return the proxy that requests to a URL go through, without its password; "" for none."""
    return re.sub(r"//[^/@]*@", "//", select_proxy(url, get_environ_proxies(url)) or "")
