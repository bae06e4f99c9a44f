"""Section `s3` of the configuration: results and frames that are in a bucket."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from clapboard.s3.location import Location
from clapboard.settings.config_types import AnyText, Count, Flag, NotBoolean, Section


def _check_url(url: str) -> str:
    """Refuse what is no folder in S3; empty is none."""
    return Location.parse(url).url if url else ""


def _check_endpoint(url: str) -> str:
    """Refuse what is no address of a server; empty is none.

    A user and password in it would stand in messages, and in Snakemake's records.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not names_user(url)
        good = good and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if url and not good:
        raise ValueError("should be an address such as http://localhost:8333, without a user")
    return url


def names_user(endpoint: str) -> bool:
    """Whether an address of a server has a user or a password in it, however it is cut."""
    return "@" in endpoint


Folder = Annotated[AnyText, AfterValidator(_check_url)]
PLACES = ("results", "frames", "data", "resized")


class S3(Section):
    """What is in a bucket: results that machines share; frames that are labelled there."""

    results: Folder = Field(
        default="",
        description="Where results are kept beside the local folder, `s3://bucket/results`: taken "
        "up by a machine that has none, handed over at the end of a run. Needs "
        "`dataset.storage: shards`.",
    )

    frames: Folder = Field(
        default="",
        description="Where the frames are, `s3://bucket/framedata`: a folder per recording in it, "
        "the name of a picture ending in the frame number.",
    )
    data: Folder = Field(
        default="", description="Where `label_on_s3` puts the copies: `{split}/{label}/` in it."
    )
    resized: Folder = Field(default="", description="Where `resize_on_s3` puts the small frames.")
    remove_stale: Flag = Field(
        default=False,
        description="Consent to remove from `data` and `resized` pictures that do not belong there "
        "any more. They are known by the form of their names, whoever put them there: "
        "`{split}/{label}/*.jpg` in `data`, `{recording}/*.jpg` of recordings in the dataset "
        "in `resized`. Nothing is ever removed from `frames`.",
    )
    endpoint: Annotated[AnyText, AfterValidator(_check_endpoint)] = Field(
        default="",
        description="Address of another S3 server; empty: AWS, or `AWS_ENDPOINT_URL_S3`.",
    )
    encryption: Literal["AES256", "aws:kms", "none"] = Field(
        default="AES256", description="Encryption by the server of what is written."
    )
    kms_key: AnyText = Field(
        default="", description="Key for `aws:kms`; empty: the account's key for S3."
    )
    fetch: Literal["parts", "storage_plugin"] = Field(
        default="parts",
        description="How chapters come from the bucket: in `parts` side by side, going on where a "
        "stopped fetch was, or by the `storage_plugin` of Snakemake.",
    )
    sync: Literal["upload", "download"] = Field(
        default="upload", description="Which way `sync_frames` brings frames."
    )
    connections: Annotated[Count, Field(le=1024)] = Field(
        default=256, description="Requests at the same time."
    )
    tries: Annotated[int, Field(ge=0, le=100), NotBoolean] = Field(
        default=10,
        description="Further attempts at a request that the server throttles or drops, with "
        "growing pauses.",
    )

    @field_validator(*PLACES)
    @classmethod
    def _is_apart(cls, url: str, known: ValidationInfo) -> str:
        """Refuse a folder in another: one job would take, replace or remove what another keeps."""
        for name in PLACES:
            other = known.data.get(name)
            if url and other and Location.parse(url).overlaps(Location.parse(other)):
                raise ValueError(f"should be a folder apart from s3.{name} ({other})")
        return url

    @field_validator("kms_key")
    @classmethod
    def _is_used(cls, key: str, known: ValidationInfo) -> str:
        """Refuse a key that would not encrypt anything."""
        if key and known.data.get("encryption", "aws:kms") != "aws:kms":
            raise ValueError("should be empty unless s3.encryption is aws:kms")
        return key
