"""Whoever asks servers can be reached."""

from __future__ import annotations

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.sources.web.policy import ClientPolicy


@pytest.mark.parametrize("contact", ["", "me", "a@", "@b", "a@b.org\r\nX: y", "ä@example.org"])
def test_a_contact_reaches_somebody(contact: str) -> None:
    with pytest.raises(UsageError, match="contact"):
        ClientPolicy(contact)


@pytest.mark.parametrize(
    "contact", ["a@b.org", "https://example.org/bot", "Ann (ann@example.org), a choir"]
)
def test_the_contact_is_in_the_user_agent(contact: str) -> None:
    assert f"({contact}) python-requests/" in ClientPolicy(contact).user_agent
