"""What both clients of a bucket raise, said in words that help."""

import traceback

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from obstore.exceptions import PermissionDeniedError

from clapboard.problems import InputError
from clapboard.s3.clients import open_clients
from clapboard.s3.failures import explained


def refused(code, message="The provided token has expired."):
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (refused("ExpiredToken"), "Log in again"),
        (refused("InvalidToken"), "Log in again"),
        (UnauthorizedSSOTokenError(), "Log in again"),
        (SSOTokenLoadError(profile_name="lab", error_msg="expired"), "Log in again"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "Log in again"),
        (
            refused("RequestTimeTooSkewed", "The difference is too large."),
            "Set this machine's clock",
        ),
        (
            PermissionDeniedError("403 Forbidden: <Code>RequestTimeTooSkewed</Code>"),
            "Set this machine's clock",
        ),
        (refused("SlowDown", "Reduce your request rate."), "Try again later"),
        (ConnectionClosedError(endpoint_url="http://x"), "Run it again"),
    ],
)
def test_the_remedy_is_one(error, advice):
    with pytest.raises(InputError, match=advice) as caught, explained("lab"):
        raise error
    (problem,) = caught.value.problems
    assert ".." not in str(problem)


@pytest.mark.parametrize(
    "address",
    [
        "http://lab:secret@127.0.0.1:9",
        "http://:secret@127.0.0.1:9",
        "http://lab:x/secret@127.0.0.1:9",
        "http://lab:secret@minio_1:9000",  # no name of a host to botocore
    ],
)
def test_a_password_in_the_address_of_the_environment_is_refused_and_not_repeated(
    monkeypatch, address
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    with pytest.raises(InputError, match="AWS_ENDPOINT_URL_S3") as caught:
        open_clients("lab", {"endpoint": "", "connections": 1, "tries": 0})
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_an_address_in_the_configuration_that_is_none_is_to_be_corrected_there(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(InputError, match=r"Correct s3\.endpoint"):
        open_clients("lab", {"endpoint": "http://minio_1:9000", "connections": 1, "tries": 0})
