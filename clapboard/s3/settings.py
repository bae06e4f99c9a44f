"""Section `s3` of the configuration: results and frames that are in a bucket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from clapboard.s3.location import Location
from clapboard.settings.config_types import AnyText, Count, Flag, NotBoolean, Section


def _check_url(url: str) -> str:
    """Refuse what is no folder in S3; empty is none."""
    return Location.parse(url).url if url else ""


Folder = Annotated[AnyText, AfterValidator(_check_url)]


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
        description="Consent to remove from these folders pictures that do not belong there any "
        "more. They are known by the form of their names, whoever put them there: "
        "`{split}/{label}/*.jpg` in `data`, `{recording}/*.jpg` elsewhere.",
    )
    endpoint: AnyText = Field(
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
