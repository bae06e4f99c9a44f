"""Real servers for the tests of this folder; each is stopped by its process id."""

import uuid

import boto3
import empty_machine
import pytest
import seaweed
import skypilot
import slurm
from lab import become, connect
from project import make_project
from travelling import Little, Site


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = seaweed_in(tmp_path_factory.mktemp("seaweed")).start()
    yield server
    server.kill()  # its data go too; asked to end it would take half a minute


def seaweed_in(folder):
    if not seaweed.available():
        pytest.skip("no .infra/bin/weed: run `make test-infra`")
    return seaweed.Server(folder / "server")


@pytest.fixture
def mortal(as_writer, tmp_path):
    """A server of the test's own, which it may kill, and a bucket there."""
    server = seaweed_in(tmp_path).start()
    try:
        bucket = connect("lab-kill", server.endpoint)
        bucket.control.create_bucket(Bucket=bucket.name)
        yield server, bucket
    finally:
        server.kill()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """An empty Debian that one can log in to."""
    reason = empty_machine.missing()
    if reason:
        pytest.skip(reason)
    with empty_machine.Machine(tmp_path_factory.mktemp("machine") / "empty") as machine:
        yield machine


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    with sky_in(tmp_path_factory.mktemp("sky")) as sky:
        yield sky


@pytest.fixture
def fresh_sky(tmp_path):
    with sky_in(tmp_path) as sky:
        yield sky


def sky_in(folder):
    reason = skypilot.missing()
    if reason:
        pytest.skip(reason)
    return skypilot.Sky(folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm.Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The project, made on this machine; what others make is compared with it."""
    project = make_project(tmp_path_factory.mktemp("local") / "project")
    project.run()
    return project


@pytest.fixture
def as_writer(monkeypatch, tmp_path):
    """The environment of somebody with the writer's credentials and no other AWS setting."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    become(monkeypatch, seaweed.WRITER)


def writers_client(server):
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=seaweed.WRITER["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=seaweed.WRITER["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="session")
def bucket_name(server):
    """One bucket for all tests; each test has its own prefix in it."""
    name = f"lab-{uuid.uuid4().hex[:8]}"
    writers_client(server).create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def owner(server):
    """The bucket for which the policies are, in the hands of somebody who may do anything."""
    client = writers_client(server)
    client.create_bucket(Bucket=seaweed.MEMBERS_BUCKET)
    return client


@pytest.fixture(scope="session")
def site(tmp_path_factory, server, bucket_name, local):
    with pytest.MonkeyPatch.context() as environment:
        become(environment, seaweed.WRITER)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bucket = connect(bucket_name, server.endpoint)
        yield Site(tmp_path_factory.mktemp("site"), server, bucket, local)


@pytest.fixture(scope="session")
def little(tmp_path_factory, server, bucket_name):
    with pytest.MonkeyPatch.context() as environment:
        become(environment, seaweed.WRITER)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bucket = connect(bucket_name, server.endpoint)
        yield Little(tmp_path_factory.mktemp("little"), server, bucket)
