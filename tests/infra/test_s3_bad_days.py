"""Every job on a bucket when it is throttled, slow, refused or its server killed."""

import itertools
from datetime import timedelta

import obstore
import pytest
import seaweed
from faults import Proxy, is_put_of_picture, killing
from lab import Lab, become, connect, picture, until_readable

from clapboard.problems import InputError
from clapboard.s3 import clients, pushing
from clapboard.s3.downloading import download, plan_download
from clapboard.s3.fetching import fetch
from clapboard.s3.labelling import find_labelled, label, plan_labels
from clapboard.s3.location import Location
from clapboard.s3.receipt import NAME
from clapboard.s3.resizing import find_frames, plan_resizing, resize
from clapboard.s3.uploading import local_frames, plan_upload, upload

FRAMES = 12
PIXELS = {"size": 32, "fit": "pad", "quality": 2}


def in_folder(folder):
    """Name -> content of the files of a folder that are whole."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    whole = [path for path in files if not path.name.startswith(".partial-")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in whole}


class Labelling:
    """Frames and labels of a recording; made are copies.

    Args:
        bucket: to prepare the job and to look at what it has made.
        folder: a new one for local files.
        prefix: in the bucket, of the job alone.
    """

    def __init__(self, bucket, folder, prefix):
        self.lab = Lab(bucket, folder, prefix, {"S1": "Training"}, FRAMES)
        self.target = self.lab.data

    def run(self, bucket):
        lab = self.lab
        labelled = find_labelled(
            bucket, lab.frames, lab.data, lab.recordings, lab.labels, lab.indexes, "refuse"
        )
        label(bucket, labelled, plan_labels(bucket, labelled, remove_stale=False))

    def made(self):
        below = self.lab.below(self.target)
        return {name: data for name, data in below.items() if name.endswith(".jpg")}


class Resizing(Labelling):
    """Made are small pictures."""

    def __init__(self, bucket, folder, prefix):
        super().__init__(bucket, folder, prefix)
        for frame in range(1, FRAMES + 1):
            self.lab.put("S1C2", frame, picture(20 * frame))
        self.target = Location(bucket.name, f"{prefix}/resized/")

    def run(self, bucket):
        wanted = find_frames(bucket, self.lab.frames, self.target, ["S1C2"], PIXELS)
        resize(bucket, wanted, plan_resizing(bucket, wanted, remove_stale=False))


class Uploading(Labelling):
    """Made are the frames of a folder."""

    def __init__(self, bucket, folder, prefix):
        super().__init__(bucket, folder, prefix)
        self.frames = folder / "frames"
        self.frames.mkdir(parents=True)
        for frame in range(1, FRAMES + 1):
            (self.frames / f"S1C2{frame:06d}.jpg").write_bytes(picture(20 * frame))
        self.target = Location(bucket.name, f"{prefix}/up/")

    def run(self, bucket):
        files = local_frames({"S1C2": [self.frames]})
        upload(bucket, files, self.target, plan_upload(bucket, files, self.target, False))


class Downloading(Labelling):
    """Made are files."""

    def __init__(self, bucket, folder, prefix):
        super().__init__(bucket, folder, prefix)
        self.folder = folder / "down"

    def run(self, bucket):
        download(bucket, plan_download(bucket, self.lab.frames, ["S1C2"], self.folder))

    def made(self):
        return in_folder(self.folder)


class Fetching(Downloading):
    """Made is a file."""

    def run(self, bucket):
        frames = self.lab.frames.key("S1C2/S1C2000001.jpg")
        (found,) = self.lab.bucket.objects(frames)
        fetch(bucket, found, self.folder / "x.MP4")


class Pushing(Labelling):
    """Made are artifacts."""

    def __init__(self, bucket, folder, prefix):
        self.bucket, self.results = bucket, folder / "results"
        for number in range(FRAMES):
            path = self.results / "audit" / f"{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}")
        self.target = Location(bucket.name, f"{prefix}/results/")

    def run(self, bucket):
        pushing.push(bucket, self.target, self.results)

    def made(self):
        names = [self.target.name(one.key) for one in self.bucket.objects(self.target.prefix)]
        return {n: self.bucket.read(self.target.key(n)) for n in names if n.startswith("audit/")}


@pytest.fixture
def bucket(server, bucket_name, as_writer):
    return connect(bucket_name, server.endpoint)


@pytest.fixture
def undisturbed(tmp_path, request):
    """What a job makes on a good day."""

    def made(kind, bucket):
        twin = kind(bucket, tmp_path / "twin", f"{request.node.name}-twin")
        twin.run(bucket)
        return twin.made()

    return made


@pytest.mark.parametrize("kind", [Labelling, Resizing, Uploading, Downloading, Fetching, Pushing])
def test_throttling_drops_and_slow_answers_are_outlasted(
    kind, bucket, server, undisturbed, tmp_path, request
):
    job = kind(bucket, tmp_path / "job", request.node.name)
    bad, seen, done = itertools.cycle(["503", 0.7, "drop"]), set(), []

    def fault(method, path):
        if (method, path) in seen:
            return None
        seen.add((method, path))
        done.append(next(bad))
        return done[-1]

    with Proxy(server.endpoint, fault) as proxy:
        job.run(connect(bucket.name, proxy.endpoint))
        if kind is not Fetching:
            assert {"503", 0.7, "drop"} <= set(done)
    assert job.made() == undisturbed(kind, bucket)


def test_a_request_is_tried_as_often_as_configured_unless_that_takes_too_long(
    bucket, server, monkeypatch
):
    assert bucket.store.retry_config["retry_timeout"] == 4 * clients.TRY
    patient = connect(bucket.name, server.endpoint, tries=100).store
    assert patient.retry_config["retry_timeout"] == clients.SIGNED < timedelta(minutes=15)
    monkeypatch.setattr(clients, "LONGEST_PAUSE", timedelta(seconds=0.25))

    def attempts():
        with Proxy(server.endpoint, lambda method, path: "503") as proxy:
            with pytest.raises(obstore.exceptions.BaseError):
                obstore.put(connect(bucket.name, proxy.endpoint, tries=20).store, "x", b"x")
            return len(proxy.requests)

    assert attempts() == 21
    monkeypatch.setattr(clients, "TRY", timedelta(seconds=0.1))
    assert 1 < attempts() < 21


@pytest.mark.parametrize("kind", [Resizing, Uploading, Downloading, Fetching, Pushing])
def test_a_wrong_secret_is_said_without_it_and_changes_nothing(
    kind, bucket, server, tmp_path, request, monkeypatch
):
    job = kind(bucket, tmp_path / "job", request.node.name)
    before = set(bucket.objects(f"{request.node.name}/"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "MISTYPED")
    with pytest.raises(InputError, match="Check the secret key") as caught:
        job.run(connect(bucket.name, server.endpoint))
    assert "MISTYPED" not in str(caught.value)
    assert set(bucket.objects(f"{request.node.name}/")) == before
    assert job.made() == {}


@pytest.mark.parametrize("kind", [Resizing, Uploading])
def test_who_may_only_read_is_told_and_changes_nothing(
    kind, bucket, server, tmp_path, request, monkeypatch
):
    job = kind(bucket, tmp_path / "job", request.node.name)
    before = set(bucket.objects(f"{request.node.name}/"))
    become(monkeypatch, seaweed.READER)
    with pytest.raises(InputError, match=r"rights listed in docs/s3\.md"):
        job.run(connect(bucket.name, server.endpoint))
    assert set(bucket.objects(f"{request.node.name}/")) == before


@pytest.mark.parametrize("kind", [Downloading, Fetching])
def test_who_may_only_read_can_bring_down(
    kind, bucket, server, undisturbed, tmp_path, request, monkeypatch
):
    wanted = undisturbed(kind, bucket)
    job = kind(bucket, tmp_path / "job", request.node.name)
    become(monkeypatch, seaweed.READER)
    job.run(connect(bucket.name, server.endpoint))
    assert job.made() == wanted != {}


@pytest.mark.parametrize("kind", [Labelling, Resizing])
def test_a_server_killed_in_mid_work_and_back(kind, undisturbed, mortal, tmp_path):
    server, bucket = mortal
    wanted = undisturbed(kind, bucket)
    job = kind(bucket, tmp_path / "job", "job")
    with Proxy(server.endpoint, killing(server, 4, is_put_of_picture)) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=1, connections=2)
        with pytest.raises(InputError, match="goes on where it stopped"):
            job.run(broken)
    server.start()
    names = {one.key for one in bucket.objects(job.target.prefix)}
    assert job.target.key(NAME) not in names
    pictures = sorted(name for name in names if name.endswith(".jpg"))
    assert 0 < len(pictures) < len(wanted)
    until_readable(bucket, pictures[0])
    job.run(bucket)
    assert job.made() == wanted
    assert bucket.read(job.target.key(NAME)) is not None
