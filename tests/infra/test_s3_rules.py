"""The rules of s3.smk through Snakemake, on a little project and a real server."""

import re
import subprocess
import sys
import uuid
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest
from faults import Proxy
from lab import connect, picture
from project import CONFIG, REPOSITORY, make_project
from small_disk import needs_root, small_disk

from clapboard.s3.location import Location
from tests.workflow.planted import holders

COMMAND = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]


FRAMES = CONFIG["frames"] | {"full_size": True}


class Bench:
    """A project whose frames are in a bucket, and the command line to run it."""

    def __init__(self, project, bucket, endpoint):
        self.project = project
        self.bucket, self.prefix = bucket, f"rules-{uuid.uuid4().hex[:6]}"
        self.s3 = {
            name: f"s3://{bucket.name}/{self.prefix}/{name}"
            for name in ("frames", "data", "resized")
        } | {"endpoint": endpoint, "encryption": "none"}
        self.configure()

    def configure(self, **changes):
        self.project.configure(frames=FRAMES, s3=self.s3 | changes)

    def snakemake(self, *arguments, ends=0):
        answer = subprocess.run(
            [*COMMAND, "--cores", "2", *arguments],
            cwd=self.project.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert answer.returncode == ends, answer.stderr
        return answer.stdout + answer.stderr

    def names(self, name):
        location = Location.parse(self.s3[name])
        return {location.name(one.key): one for one in self.bucket.objects(location.prefix)}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """A project with all of its frames."""
    project = make_project(tmp_path_factory.mktemp("extracted") / "project")
    project.configure(frames=FRAMES)
    project.run("--until", "extract_frames")
    return project


@pytest.fixture
def bench(tmp_path, server, bucket_name, as_writer):
    """A project that has made nothing."""
    bucket = connect(bucket_name, server.endpoint)
    return Bench(make_project(tmp_path / "project"), bucket, server.endpoint)


@pytest.fixture
def ready(tmp_path, server, bucket_name, as_writer, extracted):
    """A project that has all of its frames."""
    bucket = connect(bucket_name, server.endpoint)
    return Bench(extracted.copy(tmp_path / "project"), bucket, server.endpoint)


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

    again = bench.snakemake("label_on_s3", "resize_on_s3", "sync_frames")
    assert again.count("to do     0 objects") >= 3
    now = bench.names("data")
    assert all(now[name].modified == data[name].modified for name in wanted), "nothing copied anew"


def test_the_bucket_is_looked_at_again_each_time(bench):
    for recording in (f"S{subject}C{camera}" for subject in (1, 2, 3) for camera in (1, 2)):
        bench.bucket.write(f"{bench.prefix}/frames/{recording}/{recording}000001.jpg", picture(9))
    bench.snakemake("resize_on_s3")
    made = [f"{bench.prefix}/resized/S1C1/S1C1000001.jpg"]
    bench.bucket.delete(made)
    assert "to do     1 objects" in bench.snakemake("--dry-run", "resize_on_s3")
    assert "to do     1 objects" in bench.snakemake("resize_on_s3")
    assert bench.bucket.read(made[0]) is not None


def listings(proxy):
    return sum("list-type=2" in path for _, path in proxy.requests)


def test_every_dry_run_shows_a_plan_or_what_it_waits_for(bench, server):
    waits = "The plan is known once results/labels/S1C1.parquet is made."
    assert waits in bench.snakemake("--dry-run", "label_on_s3")
    assert "there is no folder" in bench.snakemake("--dry-run", "sync_frames")
    assert "there are no frames of S1C1" in bench.snakemake("--dry-run", "resize_on_s3")

    bench.snakemake("--until", "extract_frames", "--", "sync_frames")
    count = len(list(bench.project.results.glob("frames/*/*/*.jpg")))
    shown = bench.snakemake("--dry-run", "sync_frames")
    assert f"upload local frames -> {bench.s3['frames']}/" in shown
    assert f"to do     {count:,} objects" in shown
    assert f"requests  {count:,} PUT, at least " in shown
    assert bench.names("frames") == {}

    bench.snakemake("sync_frames")
    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        bench.configure(endpoint=proxy.endpoint)
        shown = bench.snakemake("--dry-run", "resize_on_s3")
        planned = listings(proxy)
        assert f"resize {bench.s3['frames']}/ -> {bench.s3['resized']}/" in shown
        asked = 2 * planned + 1
        assert f"requests  {count:,} GET, {count:,} PUT, at least {asked} LIST" in shown
        assert bench.names("resized") == {}
        bench.snakemake("resize_on_s3")
        assert asked <= listings(proxy) - planned <= asked + 2 * planned
    assert len([name for name in bench.names("resized") if name.endswith(".jpg")]) == count

    bench.configure(sync="download")
    shown = bench.snakemake("--dry-run", "sync_frames")
    assert f"download {bench.s3['frames']}/ -> results/framedata" in shown
    assert f"to do     {count:,} objects" in shown
    assert f"requests  {count:,} GET, at least " in shown
    assert not (bench.project.results / "framedata").exists()

    bench.configure(sync="download", frames=f"{bench.s3['frames']}-misspelt")
    assert "there are no frames of S1C1" in bench.snakemake("--dry-run", "sync_frames")
    said = bench.snakemake("--show-failed-logs", "sync_frames", ends=1)
    assert "[missing-frames]" in said


def local_size(bench, path):
    """Size of the full-size frame behind a name such as Training/BAGGING/S1C1000003.jpg."""
    name = path.rpartition("/")[2]
    (found,) = bench.project.results.glob(f"frames/*/*/{name}")
    return found.stat().st_size


def test_a_secret_with_which_the_server_was_asked_stands_nowhere(ready, monkeypatch):
    ready.snakemake("sync_frames")
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYPLANTEDKEY"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    said = ready.snakemake("--show-failed-logs", "--keep-going", "resize_on_s3", ends=1)
    assert "SignatureDoesNotMatch" in said, "it was used"
    assert secret not in said
    assert not holders(ready.project.folder, [secret])


@contextmanager
def full_disk(folder):
    """A disk without room in place of a folder."""
    with small_disk(folder, 4096):
        (folder / "filler").write_bytes(bytes(4096))
        yield


@needs_root
@pytest.mark.parametrize("rule", ["label_on_s3", "resize_on_s3", "sync_frames"])
def test_a_full_disk_is_told_of_and_the_next_run_ends_as_usual(ready, rule):
    ready.snakemake("sync_frames")
    with full_disk(ready.project.results / "s3"):
        said = ready.snakemake("--show-failed-logs", rule, ends=1)
        assert "No space left on device" in said
        assert "Make room there and run again" in said
    ready.snakemake("label_on_s3", "resize_on_s3", "sync_frames")
    names = {name: ready.names(name) for name in ("frames", "data", "resized")}
    ready.snakemake("label_on_s3", "resize_on_s3")
    assert {name: ready.names(name).keys() for name in names} == {
        name: found.keys() for name, found in names.items()
    }


@needs_root
def test_frames_that_do_not_fit_on_the_disk_are_brought_down_later(ready):
    ready.snakemake("sync_frames")
    ready.configure(sync="download")
    folder = ready.project.results / "framedata"
    with full_disk(folder):
        said = ready.snakemake("--show-failed-logs", "sync_frames", ends=1)
        assert "No space left on device" in said
        assert not list(folder.rglob("*.jpg"))
    ready.snakemake("sync_frames")
    frames = {name for name in ready.names("frames") if name.endswith(".jpg")}
    assert {f"{path.parent.name}/{path.name}" for path in folder.rglob("*.jpg")} == frames
