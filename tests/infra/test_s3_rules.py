"""The rules of s3.smk through Snakemake, on a little project and a real server."""

import re
import subprocess
import sys
import uuid

import pyarrow.parquet as pq
import pytest
from lab import connect
from project import REPOSITORY, make_project

from clapboard.s3.location import Location

COMMAND = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]


class Bench:
    """A project whose frames are in a bucket, and the command line to run it."""

    def __init__(self, folder, bucket, endpoint):
        self.project = make_project(folder)
        self.bucket, self.prefix = bucket, f"rules-{uuid.uuid4().hex[:6]}"
        self.s3 = {
            name: f"s3://{bucket.name}/{self.prefix}/{name}"
            for name in ("frames", "data", "resized")
        } | {"endpoint": endpoint, "encryption": "none"}
        self.configure()

    def configure(self, **changes):
        self.project.configure(frames={"size": 40, "full_size": True}, s3=self.s3 | changes)

    def snakemake(self, *arguments):
        answer = subprocess.run(
            [*COMMAND, "--cores", "2", *arguments],
            cwd=self.project.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout + answer.stderr

    def names(self, name):
        location = Location.parse(self.s3[name])
        return {location.name(one.key): one for one in self.bucket.objects(location.prefix)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bench") / "project"


@pytest.fixture
def bench(folder, server, bucket_name, as_writer):
    bucket = connect(bucket_name, server.endpoint)
    return Bench(folder, bucket, server.endpoint)


def test_up_labelled_resized_planned_and_left_alone(bench):
    bench.snakemake("sync_frames")
    local = {
        f"{path.parts[-3]}/{path.name}": path
        for path in bench.project.results.glob("frames/*/*/*.jpg")
    }
    frames = bench.names("frames")
    assert {name for name in frames if name.endswith(".jpg")} == set(local)
    assert all(frames[name].bytes == path.stat().st_size for name, path in local.items())

    shown = bench.snakemake("--dry-run", "label_on_s3")
    assert f"to do     {len(local):,} objects" in shown
    assert re.search(r"price     about \d+\.\d{4} US dollars", shown)
    assert not any(name.endswith(".jpg") for name in bench.names("data"))

    bench.snakemake("label_on_s3", "resize_on_s3", "dataset")
    manifest = pq.read_table(bench.project.results / "Data" / "manifest.parquet")
    wanted = set(manifest["path"].to_pylist())
    data = bench.names("data")
    assert {name for name in data if name.endswith(".jpg")} == wanted
    assert all(data[name].bytes == local_size(bench, name) for name in wanted)
    classes = (bench.project.results / "Data" / "labels.csv").read_bytes()
    assert bench.bucket.read(f"{bench.prefix}/data/labels.csv") == classes
    assert {name for name in bench.names("resized") if name.endswith(".jpg")} == set(local)

    assert "Nothing to be done" in bench.snakemake("label_on_s3", "resize_on_s3", "sync_frames")


def local_size(bench, path):
    """Size of the full-size frame behind a name such as Training/BAGGING/S1C1000003.jpg."""
    name = path.rpartition("/")[2]
    (found,) = bench.project.results.glob(f"frames/*/*/{name}")
    return found.stat().st_size
