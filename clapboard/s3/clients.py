"""The clients that talk to one bucket: endpoint, region, credentials, limits of time, encryption.

boto3 for single requests and listings, obstore for many requests at once. Credentials come from the
standard AWS chain only (environment, profile, instance role).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from clapboard.problems import InputError, Problem
from clapboard.s3.failures import explained
from clapboard.s3.session import open_session
from clapboard.s3.settings import names_user

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

# `timeout` of obstore is for a whole request: 30 seconds unless set, and never off.
NO_LIMIT = timedelta(days=7)

# obstore waits up to so long before it tries again, and does not once so many of these waits, with
# connecting, have passed as there are `tries`. So a server that refuses or drops is tried that
# often; one that is silent until the limits above is given up earlier. obstore signs a request
# once, and a signature is good for 15 minutes.
LONGEST_PAUSE = timedelta(seconds=15)
TRY = LONGEST_PAUSE + timedelta(seconds=CONNECT_SECONDS)
SIGNED = timedelta(minutes=14)

# Where we try again ourselves, to the same limit.
FIRST_PAUSE_SECONDS = 0.5

# The endpoints of AWS, of its regions and of a VPC.
AWS = re.compile(r"\.amazonaws\.com(\.cn)?$", re.ASCII)


@dataclass(frozen=True)
class Clients:
    """Five ways to talk to one bucket.

    Attributes:
        control: boto3's client, for single requests and listings.
        sender: the same for content of any size, given as a file.
        store: obstore's, for downloads and copies.
        parts: the same for who tries again himself.
        uploads: the same for what sends many small objects; no more than `MOST_UNDER_WAY` at once.
    """

    control: Any
    sender: Any
    store: S3Store
    parts: S3Store
    uploads: S3Store


def open_clients(name: str, settings: Mapping[str, Any]) -> Clients:
    """Clients with the credentials of the standard AWS chain.

    Args:
        name: of the bucket.
        settings: section `s3` of the configuration.

    Raises:
        InputError: there are no credentials, AWS cannot be reached, or the endpoint is no address
            or names a user.
    """
    session = open_session()
    control = _for_control(session, settings, session.region_name or "us-east-1")
    if AWS.search(urlsplit(control.meta.endpoint_url).hostname or ""):
        region = _region(control, name)
        if region not in (None, control.meta.region_name):
            control = _for_control(session, settings, region)
    endpoint, region = control.meta.endpoint_url, control.meta.region_name

    def store(silence: float, tries: int) -> S3Store:
        """A client for many requests; `silence` in seconds is what its read timeout allows."""
        return S3Store(
            name,
            region=region,
            credential_provider=Boto3CredentialProvider(session),
            checksum_algorithm="SHA256",
            endpoint=endpoint,
            **_encryption_of_store(settings),
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

    return Clients(
        control,
        # On a new connection blocks are sent with the time for connecting.
        sender=_for_control(session, settings, region, BLOCK_SECONDS, BLOCK_SECONDS),
        store=store(SILENCE_SECONDS, settings["tries"]),
        parts=store(SILENCE_SECONDS, 0),
        uploads=store(SENDING_SECONDS, settings["tries"]),
    )


def pause(attempt: int) -> float:
    """Seconds to wait before a request is made again by us, after `attempt` + 1 failures."""
    return min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE.total_seconds())


def arguments_of_uploads(settings: Mapping[str, Any]) -> dict[str, str]:
    """`ExtraArgs` of boto3's uploads: encryption by the server, and a checksum it verifies."""
    chosen = {"ChecksumAlgorithm": "SHA256"}
    if settings["encryption"] != "none":
        chosen["ServerSideEncryption"] = settings["encryption"]
        if settings["kms_key"]:
            chosen["SSEKMSKeyId"] = settings["kms_key"]
    return chosen


def _encryption_of_store(settings: Mapping[str, Any]) -> dict[str, Any]:
    if settings["encryption"] == "none":
        return {}
    chosen = {"server_side_encryption": settings["encryption"]}
    if settings["kms_key"]:
        chosen["sse_kms_key_id"] = settings["kms_key"]
    return chosen


def _for_control(
    session: boto3.Session,
    settings: Mapping[str, Any],
    region: str | None,
    connecting: float = CONNECT_SECONDS,
    silence: float = SILENCE_SECONDS,
) -> Any:
    """boto3's client in a region; it takes the endpoint from the environment if none is set.

    Both times are in seconds.

    Raises:
        InputError: the endpoint is no address, or names a user.
    """
    limits = Config(
        connect_timeout=connecting,
        read_timeout=silence,
        retries={"mode": "standard", "max_attempts": settings["tries"]},
        max_pool_connections=settings["connections"],
    )
    endpoint = settings["endpoint"] or None
    try:
        client = session.client("s3", endpoint_url=endpoint, region_name=region, config=limits)
    except ValueError:  # which repeats the address, with a password that is in it
        raise InputError([_bad_endpoint("is none", endpoint)]) from None
    if names_user(client.meta.endpoint_url):
        raise InputError([_bad_endpoint("has a user or password in it", endpoint)])
    return client


def _bad_endpoint(what: str, configured: str | None) -> Problem:
    """An address that cannot be used, from the configuration or from around it."""
    places = "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or endpoint_url in ~/.aws/config"
    remedy = f"Correct {'s3.endpoint' if configured else places}: http://server:port."
    return Problem("bad-endpoint", f"The address of the S3 server {what}", remedy)


def _region(control: Any, name: str) -> str | None:
    """Where AWS says that a bucket is, which it tells also to who may not ask.

    boto3 follows AWS into another region, obstore does not: all its requests would fail.
    """
    with explained(name):
        try:
            answer = control.head_bucket(Bucket=name)
        except ClientError as error:
            answer = error.response
    region: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    return region
