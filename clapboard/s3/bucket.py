"""One bucket: boto3 for single requests and listings, obstore for many requests at once.

Credentials come from the standard AWS chain only (environment, profile, instance role). Neither
client is ever asked to make or remove a bucket.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import NOT_IMPLEMENTED
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from clapboard.problems import InputError, Problem
from clapboard.s3.failures import REMEDIES, explained
from clapboard.s3.session import open_session

# Connecting may take this long; then the server may be silent for so long between two bytes. How
# long a whole answer takes is not limited: a slow line is not a broken one.
CONNECT_SECONDS, SILENCE_SECONDS = 10, 60

# boto3 sends a file block by block, and each block may wait so long for room in the buffer of the
# connection. Longer than an answer may take: that buffer drains at the pace of the line.
BLOCK_SECONDS = 120

# obstore cannot tell a server that is silent from one that is still being sent to: its read timeout
# runs from the first byte of a request to the first of the answer. So what it sends has the time
# after which Linux gives up a connection that acknowledges nothing (tcp_retries2, some 15 minutes),
# and no more is under way at a time than a slow line brings up meanwhile.
SENDING_SECONDS = 900
MOST_UNDER_WAY = 16 * 2**20

# Pictures that come down are in memory whole, and no more of them than this.
MOST_IN_MEMORY = 256 * 2**20

# `timeout` of obstore is for a whole request: 30 seconds unless set, and never off.
NO_LIMIT = timedelta(days=7)

# obstore waits up to so long before it tries again, and does not once so many of these waits, with
# connecting, have passed as there are `tries`. So a server that refuses or drops is tried that
# often; one that is silent until the limits above is given up earlier. obstore signs a request
# once, and a signature is good for 15 minutes.
LONGEST_PAUSE = timedelta(seconds=15)
TRY = LONGEST_PAUSE + timedelta(seconds=CONNECT_SECONDS)
SIGNED = timedelta(minutes=14)

# boto3 tries a request again, but not once the answer has begun; so who reads the answer does.
CUT = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 20.0

DELETES_A_REQUEST = 1000

# What a server says when the object that is to be replaced is not that version (any more): AWS also
# while another such request is under way, or when there is no object at all.
ANOTHER_VERSION = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")

# The endpoints of AWS, of its regions and of a VPC.
AWS = re.compile(r"\.amazonaws\.com(\.cn)?$", re.ASCII)


@dataclass(frozen=True)
class Object:
    """What a listing says about an object.

    Attributes:
        key: its full key.
        bytes: its size.
        etag: its entity tag without quotes; the MD5 of the content unless it was uploaded in
            parts or encrypted with a KMS key.
        modified: when it was written, to the second.
    """

    key: str
    bytes: int
    etag: str
    modified: datetime


class ReplacedError(Exception):
    """Somebody else has written an object since it was read."""


class Bucket:
    """A bucket and how to talk to it.

    Args:
        name: of the bucket.
        settings: section `s3` of the configuration.

    Attributes:
        control: boto3's client, for single requests and listings.
        sender: the same for content of any size, given as a file.
        store: obstore's, for downloads and copies.
        parts: the same for who tries again himself.
        uploads: the same for what sends many small objects, see `side_by_side`.
        listings: how many pages of a listing have been asked for.

    Raises:
        InputError: there are no credentials, or AWS cannot be reached.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.settings = settings
        session = open_session()
        self.listings = 0
        self.control = self._client(session, session.region_name or "us-east-1")
        if AWS.search(urlsplit(self.control.meta.endpoint_url).hostname or ""):
            region = self._region()
            if region not in (None, self.control.meta.region_name):
                self.control = self._client(session, region)
        region = self.control.meta.region_name
        # On a new connection blocks are sent with the time for connecting.
        self.sender = self._client(session, region, BLOCK_SECONDS, BLOCK_SECONDS)
        self.store = self._store(session, SILENCE_SECONDS, settings["tries"])
        self.parts = self._store(session, SILENCE_SECONDS, 0)
        self.uploads = self._store(session, SENDING_SECONDS, settings["tries"])

    def _client(
        self,
        session: boto3.Session,
        region: str | None,
        connecting: float = CONNECT_SECONDS,
        silence: float = SILENCE_SECONDS,
    ) -> Any:
        """boto3's client in a region; it takes the endpoint from the environment if none is set.

        Both times are in seconds.
        """
        return session.client(
            "s3",
            endpoint_url=self.settings["endpoint"] or None,
            region_name=region,
            config=Config(
                connect_timeout=connecting,
                read_timeout=silence,
                retries={"mode": "standard", "max_attempts": self.settings["tries"]},
                max_pool_connections=self.settings["connections"],
            ),
        )

    def _region(self) -> str | None:
        """Where AWS says that the bucket is, which it tells also to who may not ask.

        boto3 follows AWS into another region, obstore does not: all its requests would fail.
        """
        with explained(self.name):
            try:
                answer = self.control.head_bucket(Bucket=self.name)
            except ClientError as error:
                answer = error.response
        region: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        return region

    def _store(self, session: boto3.Session, silence: float, tries: int) -> S3Store:
        """A client for many requests; `silence` in seconds is what its read timeout allows."""
        endpoint = self.control.meta.endpoint_url
        return S3Store(
            self.name,
            region=self.control.meta.region_name,
            credential_provider=Boto3CredentialProvider(session),
            checksum_algorithm="SHA256",
            endpoint=endpoint,
            **self._encryption_of_store(),
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=silence),
                "timeout": NO_LIMIT,
            },
            retry_config={
                "max_retries": tries,
                "retry_timeout": min(max(tries, 1) * TRY, SIGNED),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": LONGEST_PAUSE,
                    "base": 2,
                },
            },
        )

    def _encryption_of_store(self) -> dict[str, Any]:
        if self.settings["encryption"] == "none":
            return {}
        chosen = {"server_side_encryption": self.settings["encryption"]}
        if self.settings["kms_key"]:
            chosen["sse_kms_key_id"] = self.settings["kms_key"]
        return chosen

    def side_by_side(self, largest: int, most: int = MOST_UNDER_WAY) -> int:
        """How many objects of up to `largest` bytes may be under way, `most` bytes altogether.

        Unless given, `most` is what may go up by `uploads` at the same time.
        """
        return min(self.settings["connections"], max(1, most // max(largest, 1)))

    def arguments_of_uploads(self) -> dict[str, str]:
        """`ExtraArgs` of boto3's uploads: encryption by the server, and a checksum it verifies."""
        return {"ChecksumAlgorithm": "SHA256", **self._encryption_of_control()}

    def _encryption_of_control(self) -> dict[str, str]:
        if self.settings["encryption"] == "none":
            return {}
        chosen = {"ServerSideEncryption": self.settings["encryption"]}
        if self.settings["kms_key"]:
            chosen["SSEKMSKeyId"] = self.settings["kms_key"]
        return chosen

    def answers_for_itself(self) -> bool:
        """Whether HeadBucket is answered: it takes the right to list all of the bucket.

        Raises:
            InputError: it is neither answered nor refused.
        """
        with explained(self.name):
            try:
                self.control.head_bucket(Bucket=self.name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("403", "AccessDenied"):
                    raise
                return False
        return True

    def objects(self, prefix: str) -> Iterator[Object]:
        """Everything below a prefix, page by page, in the order of the server.

        Raises:
            InputError: the bucket is missing or may not be listed.
        """
        pages = self.control.get_paginator("list_objects_v2")
        with explained(self.name):
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                self.listings += 1
                for entry in page.get("Contents", ()):
                    if not entry["Key"].endswith("/"):
                        etag = entry["ETag"].strip('"')
                        yield Object(entry["Key"], entry["Size"], etag, entry["LastModified"])

    def read(self, key: str) -> bytes | None:
        """The content of a small object; None if there is none."""
        found = self.read_version(key)
        return found[0] if found else None

    def read_version(self, key: str) -> tuple[bytes, str] | None:
        """Content and entity tag of a small object; None if there is none."""
        # Asking for an object that is not there is refused, not answered, to who may list only
        # some folders; listing tells the two apart.
        if not any(found.key == key for found in self.objects(key)):
            return None
        with explained(self.name):
            for attempt in range(self.settings["tries"]):
                with suppress(*CUT):
                    return self._version(key)
                time.sleep(min(PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))
            return self._version(key)

    def _version(self, key: str) -> tuple[bytes, str]:
        """Content and entity tag of an object that is there, by one request."""
        answer = self.control.get_object(Bucket=self.name, Key=key)
        return answer["Body"].read(), answer["ETag"].strip('"')

    def write(self, key: str, data: bytes) -> None:
        """Write a small object, whole or not at all."""
        with explained(self.name):
            self._put(key, data)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write a small object in place of one version only; the entity tag of the new one.

        A server that does not know conditions writes it in place of any.

        Args:
            key: of the object.
            data: its new content.
            etag: of the version, from `read_version`; empty: there is no object yet.

        Raises:
            ReplacedError: there is another version, and nothing was written.
            InputError: the request failed for good.
        """
        condition = {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}
        with explained(self.name):
            try:
                return self._put(key, data, **condition)
            except ClientError as error:
                if error.response["Error"].get("Code") in ANOTHER_VERSION:
                    raise ReplacedError(key) from error
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != NOT_IMPLEMENTED:
                    raise
            return self._put(key, data)

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        """Write an object by one request; its entity tag."""
        answer = self.sender.put_object(
            Bucket=self.name, Key=key, Body=data, **condition, **self.arguments_of_uploads()
        )
        etag: str = answer["ETag"].strip('"')
        return etag

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects by their full keys.

        Raises:
            InputError: any of them could not be deleted.
        """
        for start in range(0, len(keys), DELETES_A_REQUEST):
            batch = [{"Key": key} for key in keys[start : start + DELETES_A_REQUEST]]
            with explained(self.name):
                answer = self.control.delete_objects(
                    Bucket=self.name, Delete={"Objects": batch, "Quiet": True}
                )
            for error in answer.get("Errors", ())[:1]:
                message = f"{error['Key']} cannot be deleted: {error.get('Message', '')}"
                remedy = REMEDIES.get(error.get("Code", ""), "Try again.")
                raise InputError([Problem("s3-refused", message, remedy, self.name)])
