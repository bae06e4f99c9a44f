"""The session with AWS: credentials from its standard chain, and dates of listings read quickly."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import boto3
import botocore.session
from botocore.utils import parse_timestamp

from clapboard.problems import InputError
from clapboard.s3.failures import no_credentials


def open_session() -> boto3.Session:
    """A session with the credentials of the standard chain.

    Raises:
        InputError: there are none.
    """
    core = botocore.session.get_session()
    # botocore reads every date word by word, which took most of the time of a listing.
    parsers = core.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_moment)
    session = boto3.Session(botocore_session=core)
    if session.get_credentials() is None:
        raise InputError([no_credentials()])
    return session


def _moment(value: Any) -> datetime:
    """A date as S3 writes it in listings, else as botocore reads it (headers, other services)."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment: datetime = parse_timestamp(value)
        return moment
