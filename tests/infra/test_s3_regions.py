"""Buckets in another region than the session's, and endpoints of AWS, by AWS's own names."""

import obstore
import pytest
import seaweed
from aws import Aws
from lab import become, connect

from clapboard.problems import InputError
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.sending import send_file

REGION = "eu-central-1"
VPC = f"https://bucket.vpce-1a2b.s3.{REGION}.vpce.amazonaws.com"


@pytest.fixture
def aws(server, as_writer, tmp_path, monkeypatch):
    """The bucket is in one region; the session has none."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Aws(server.endpoint, REGION, tmp_path) as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        yield aws


def there_and_back(bucket, key):
    """Small requests, an upload, a copy and a download."""
    bucket.write(f"{key}/control", b"x")
    obstore.put(bucket.uploads, f"{key}/bulk", b"y")
    obstore.copy(bucket.store, f"{key}/bulk", f"{key}/copy")
    assert {one.key for one in bucket.objects(f"{key}/")} == {
        f"{key}/{name}" for name in ("control", "bulk", "copy")
    }
    assert bytes(obstore.get(bucket.store, f"{key}/copy").bytes()) == b"y"


def test_a_bucket_in_another_region_is_found_there(aws, bucket_name, request):
    there_and_back(connect(bucket_name, "", tries=0), request.node.name)
    first, *rest = aws.hosts
    assert first == "s3.amazonaws.com"
    assert set(rest) == {f"s3.{REGION}.amazonaws.com"}


def test_the_region_is_told_to_who_may_not_ask_for_it(aws, owner, monkeypatch, request):
    become(monkeypatch, seaweed.MEMBER)
    there_and_back(connect(seaweed.MEMBERS_BUCKET, "", tries=0), f"Data/{request.node.name}")


@pytest.mark.parametrize("way", ["endpoint", "environment"])
def test_an_endpoint_of_aws_is_where_everything_goes(aws, bucket_name, monkeypatch, request, way):
    if way == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", VPC)
    bucket = connect(bucket_name, VPC if way == "endpoint" else "", tries=0)
    there_and_back(bucket, request.node.name)
    assert set(aws.hosts) == {VPC.removeprefix("https://")}


def test_a_session_in_the_region_of_the_bucket_is_not_sent_away(
    aws, bucket_name, monkeypatch, request
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    there_and_back(connect(bucket_name, "", tries=0), request.node.name)
    assert set(aws.hosts) == {f"s3.{REGION}.amazonaws.com"}


def test_a_bucket_that_is_missing_is_said_as_before(aws):
    bucket = connect("lab-without-bucket", "", tries=0)
    with pytest.raises(InputError, match="never makes a bucket"):
        list(bucket.objects("x/"))


@pytest.mark.parametrize("size", [1000, PART_BYTES + 1000], ids=["one request", "parts"])
def test_damage_within_tls_is_refused(aws, bucket_name, tmp_path, request, size):
    """boto3 then signs no content, and sends the checksum after it."""
    file, key = tmp_path / "x", f"{request.node.name}/x"
    file.write_bytes(bytes(size))
    bucket = connect(bucket_name, "", tries=1)
    aws.fault = lambda method, path: "damage" if method == "PUT" else None
    with pytest.raises(InputError, match="InvalidDigest"):
        send_file(bucket, file, key)
    assert list(bucket.objects(key)) == []
    aws.fault = lambda method, path: None
    send_file(bucket, file, key)
    sent = [headers for headers in aws.headers if "x-amz-trailer" in headers]
    assert {headers["x-amz-trailer"] for headers in sent} == {"x-amz-checksum-sha256"}
    assert {headers["x-amz-content-sha256"] for headers in sent} == {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    }
    assert bucket.read(key) == bytes(size)
