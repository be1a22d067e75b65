"""The settings of harvests."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ByteSize, Field, field_validator
from pydantic_settings import NoDecode

from nsynth_batch.settings import defaults
from nsynth_batch.settings.choices import Split

COMMONS_API = "https://commons.wikimedia.org/w/api.php"
COMMONS_UPLOADS = "upload.wikimedia.org"
WIKIMEDIA_MEGABITS = 25.0
"""The most that Wikimedia lets one client fetch a second."""

_LICENCE = re.compile(r"[A-Za-z0-9.+*-]+")

AUDIO_TYPES = ("wav", "flac", "ogg", "opus", "mp3")

Names = Annotated[tuple[str, ...], NoDecode]
"""Several, joined by commas; in toml a list as well."""


class WebSettings(BaseModel):
    """What is taken of a source, and how the web is asked.

    Attributes
    ----------
    contact
        An e-mail address or a page by which the operators of servers reach the user. Nothing is
        harvested from the web without one.
    types
        Types of audio that are taken; of a folder all, unless they are given.
    depth
        Levels of subcategories that are looked into.
    min_seconds, max_seconds, max_bytes
        Limits on a recording. Segments below `min_seconds` are left out of pairs too: without it
        those below 2 s, where enough are longer.
    licence
        SPDX ids of the licences taken, with ``*`` for any letters; None takes all.
    since
        Recordings whose content is of this day or later.
    limit
        The most recordings taken of a source.
    per_day
        Recordings of a list of URLs that are asked for on one day (UTC); None takes any number.
    split
        The part of a published data set that is taken; None takes all.
    accept_missing
        Withdraw recordings that a folder no longer has however many they are.
    commons_api
        The ``api.php`` of the wiki that ``commons:`` means.
    upload_hosts
        Hosts that its files may be fetched from, and that addresses of a list may lead to.
    harvest_megabits
        A second, of all files together.
    harvest_timeout
        Seconds without an answer, or with next to nothing of a file, before it is tried again.
    harvest_backoff
        Seconds that the pause before a second try takes at most; later ones double it.
    harvest_pause
        Seconds between two files of a host of a list of URLs, on average; each pause is drawn
        between half of it and one and a half times. None makes it 1 with `per_day`, and else 0.
    """

    contact: str | None = None
    types: Names = defaults.TYPES
    depth: int = Field(default=defaults.DEPTH, ge=0)
    min_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_bytes: ByteSize | None = None
    licence: Names = ()
    since: date | None = None
    limit: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1)
    split: Split | None = None
    accept_missing: bool = False
    commons_api: str = COMMONS_API
    upload_hosts: Names = (COMMONS_UPLOADS,)
    harvest_megabits: float = Field(default=WIKIMEDIA_MEGABITS, gt=0, allow_inf_nan=False)
    harvest_timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    harvest_backoff: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    harvest_pause: float | None = Field(default=None, ge=0, le=86_400)

    @field_validator("types", "licence", "upload_hosts", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("types")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= set(AUDIO_TYPES):
            raise ValueError(f"choose of {', '.join(AUDIO_TYPES)}")
        return value

    @field_validator("licence")
    @classmethod
    def _spdx(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_LICENCE.fullmatch, value)):
            raise ValueError("give SPDX ids such as CC-BY-4.0, or parts of them with a *")
        return value

    @field_validator("commons_api")
    @classmethod
    def _an_api(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("the address of a wiki's api.php, with https://")
        return value

    @property
    def pause_between_files(self) -> float:
        """The seconds between two files of a host of a list of URLs, on average."""
        if self.harvest_pause is not None:
            return self.harvest_pause
        return 0.0 if self.per_day is None else 1.0

    @property
    def since_time(self) -> datetime | None:
        """The moment that `since` begins at, UTC."""
        if self.since is None:
            return None
        return datetime(self.since.year, self.since.month, self.since.day, tzinfo=UTC)
