"""What both clients of a bucket raise, in words that a user can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    LoginError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from clapboard.problems import InputError, Problem

Result = TypeVar("Result")

LOG_IN = "Log in again (`aws sso login`, or new keys), then run it again."
REMEDIES = {
    "NoSuchBucket": "Correct the name; Clapboard never makes a bucket.",
    "AccessDenied": "Ask for the rights listed in docs/s3.md.",
    "InvalidAccessKeyId": "Check the credentials (`aws sts get-caller-identity`).",
    "SignatureDoesNotMatch": "Check the secret key (`aws sts get-caller-identity`).",
    "RequestTimeTooSkewed": "Set this machine's clock (`timedatectl`), then run it again.",
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), LOG_IN),
}


def no_credentials() -> Problem:
    """The problem of having no credentials at all."""
    return Problem(
        "no-credentials",
        "there are no AWS credentials",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use an instance role.",
    )


LOGGED_OUT = (SSOError, LoginError, TokenRetrievalError)
"""What botocore raises before it asks S3, when who had logged in is not any more."""


@contextmanager
def explained(bucket: str) -> Iterator[None]:
    """Turn the errors of both clients into an `InputError` that says what to do.

    Neither client puts credentials into its messages; endpoint and key may be in them.
    """
    try:
        yield
    except NoCredentialsError:
        raise InputError([no_credentials()]) from None
    except ClientError as error:
        details = error.response["Error"]
        code, message = details.get("Code", ""), details.get("Message", "")
        remedy = REMEDIES.get("AccessDenied" if code == "403" else code, "Try again later.")
        problem = Problem(
            "s3-refused", f"{code}: {message.rstrip('.') or 'refused'}", remedy, bucket
        )
        raise InputError([problem]) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        # The server's answer is in the message of this client, not beside it.
        named = (code for code in REMEDIES if f"<Code>{code}</Code>" in str(error))
        remedy = REMEDIES[next(named, "AccessDenied")]
        raise InputError([Problem("s3-refused", _first_line(error), remedy, bucket)]) from error
    except LOGGED_OUT as error:
        raise InputError([Problem("s3-refused", _first_line(error), LOG_IN, bucket)]) from error
    except (BotoCoreError, BaseError, FileNotFoundError) as error:
        remedy = "Run it again: it goes on where it stopped."
        raise InputError([Problem("s3-failed", _first_line(error), remedy, bucket)]) from error


def begun_again(work: Callable[[], Result], attempts: int) -> Result:
    """What some work gives, begun again when another machine has replaced what it was reading.

    Args:
        work: looks anew each time; says `s3-changed` of what was replaced.
        attempts: how often in all.

    Raises:
        InputError: something else is wrong, or it is replaced again and again.
    """
    for _ in range(attempts - 1):
        try:
            return work()
        except InputError as error:
            if any(problem.check != "s3-changed" for problem in error.problems):
                raise
    return work()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:500].rstrip(".")
