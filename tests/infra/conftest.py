"""Real servers for the tests of this folder; each is stopped by its process id."""

import subprocess
import sys
import uuid

import boto3
import pytest
import seaweed
import slurm
from lab import connect
from project import REPOSITORY, make_project
from travelling import Site


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if not seaweed.available():
        pytest.skip("no .infra/bin/weed: run `make test-infra`")
    server = seaweed.Server(tmp_path_factory.mktemp("seaweed") / "server").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm.Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The project, made on this machine; what others make is compared with it."""
    project = make_project(tmp_path_factory.mktemp("local") / "project")
    snakefile = REPOSITORY / "Snakefile"
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--cores", "2"],
        cwd=project.folder,
        check=True,
        capture_output=True,
        timeout=1800,
    )
    return project


@pytest.fixture
def as_writer(monkeypatch, tmp_path):
    """The environment of somebody with the writer's credentials and no other AWS setting."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in seaweed.WRITER.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def bucket_name(server):
    """One bucket for all tests; each test has its own prefix in it."""
    name = f"lab-{uuid.uuid4().hex[:8]}"
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=seaweed.WRITER["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=seaweed.WRITER["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def owner(server):
    """The bucket with a policy, in the hands of somebody who may do anything."""
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=seaweed.WRITER["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=seaweed.WRITER["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=seaweed.MEMBERS_BUCKET)
    return client


@pytest.fixture(scope="session")
def site(tmp_path_factory, server, bucket_name, local):
    with pytest.MonkeyPatch.context() as environment:
        for name, value in seaweed.WRITER.items():
            environment.setenv(name, value)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bucket = connect(bucket_name, server.endpoint)
        yield Site(tmp_path_factory.mktemp("site"), server, bucket, local)
