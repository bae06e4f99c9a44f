"""One bucket: what is in it, and small objects read, written, replaced and deleted.

No client is ever asked to make or remove a bucket.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import NOT_IMPLEMENTED
from typing import Any

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from clapboard.problems import InputError, Problem
from clapboard.s3.clients import MOST_UNDER_WAY, arguments_of_uploads, open_clients, pause
from clapboard.s3.failures import REMEDIES, explained

# Pictures that come down are in memory whole, and no more of them than this.
MOST_IN_MEMORY = 256 * 2**20

# boto3 tries a request again, but not once the answer has begun; so who reads the answer does.
CUT = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)

DELETES_A_REQUEST = 1000

# What a server says when the object that is to be replaced is not that version (any more): AWS also
# while another such request is under way, or when there is no object at all.
ANOTHER_VERSION = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


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
        control, sender, store, parts, uploads: see `clients.Clients`.
        listings: how many pages of a listing have been asked for.

    Raises:
        InputError: there are no credentials, or AWS cannot be reached.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.settings = settings
        self.listings = 0
        clients = open_clients(name, settings)
        self.control, self.sender = clients.control, clients.sender
        self.store, self.parts, self.uploads = clients.store, clients.parts, clients.uploads

    def side_by_side(self, largest: int, most: int = MOST_UNDER_WAY) -> int:
        """How many objects of up to `largest` bytes may be under way, `most` bytes altogether.

        Unless given, `most` is what may go up by `uploads` at the same time.
        """
        return min(self.settings["connections"], max(1, most // max(largest, 1)))

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
                time.sleep(pause(attempt))
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
            Bucket=self.name, Key=key, Body=data, **condition, **arguments_of_uploads(self.settings)
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
