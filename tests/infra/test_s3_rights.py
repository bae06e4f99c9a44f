"""With the rights of docs/s3-policy.json everything works, and nothing more is allowed."""

import random
import re

import obstore
import pytest
import seaweed
from botocore.exceptions import ClientError
from faults import Proxy
from lab import SETTINGS, Lab, become, connect, picture

from clapboard.problems import InputError
from clapboard.s3 import pulling, pushing
from clapboard.s3.fetching import fetch
from clapboard.s3.jobs import SyncFrames, perform
from clapboard.s3.labelling import find_labelled, label, plan_labels
from clapboard.s3.location import Location
from clapboard.s3.resizing import find_frames, plan_resizing, resize
from clapboard.s3.sending import send_file
from clapboard.s3.sources import Sources

NAME = seaweed.MEMBERS_BUCKET
DOCUMENT = seaweed.ROOT / "docs" / "s3.md"
DATA = random.Random(1).randbytes(20 * 2**20)
"""More than goes into one part."""


@pytest.fixture
def lab(owner, server, as_writer, tmp_path):
    """Frames as pictures, and labels for a part of them, put there by the owner."""
    splits = {"S1": "Training", "S6": "Validation", "S7": "Test"}
    lab = Lab(connect(NAME, server.endpoint), tmp_path, "", splits)
    for member in lab.recordings:
        for frame in range(1, 13):
            lab.put(member["id"], frame, picture(frame))
    return lab


@pytest.fixture
def member(owner, server, lab, monkeypatch):
    """The bucket as somebody sees it who has the documented rights and no others."""
    become(monkeypatch, seaweed.MEMBER)
    return connect(NAME, server.endpoint)


def test_raw_material_is_fetched(owner, member, tmp_path):
    owner.put_object(Bucket=NAME, Key="raw/S1C1/GH010123.MP4", Body=DATA)
    (video,) = member.objects("raw/S1C1/")
    fetch(member, video, tmp_path / "x.MP4")
    assert (tmp_path / "x.MP4").read_bytes() == DATA


def test_who_may_not_ask_for_the_bucket_is_told_so_before_the_storage_plugin_misleads(
    owner, member, server, tmp_path, monkeypatch
):
    """Refused HeadBucket, it says that no object exists."""
    monkeypatch.chdir(tmp_path)
    for camera in ("S1C1", "S1C2"):
        owner.put_object(Bucket=NAME, Key=f"raw/{camera}/GH010123.MP4", Body=b"x")
    places = [f"s3://{NAME}/raw/{camera}/" for camera in ("S1C1", "S1C2")]

    def found(fetch="storage_plugin", fresh=True):
        with Proxy(server.endpoint, lambda method, path: None) as proxy:
            settings = member.settings | {"endpoint": proxy.endpoint, "fetch": fetch}
            with Sources(settings, "sources", fresh) as sources:
                problems = [sources.chapters(place).problems for place in places]
        assert sum(method == "HEAD" for method, _ in proxy.requests) == (
            fresh and fetch == "storage_plugin"
        )
        return problems

    for (problem,) in found():
        assert problem.check == "plugin-refused"
        assert NAME in problem.message
        assert "s3.fetch: parts" in problem.remedy
    assert found("parts") == found(fresh=False) == [(), ()]
    become(monkeypatch, seaweed.READER)
    assert found() == [(), ()]


def test_results_are_pushed_replaced_and_pulled(member, tmp_path):
    place, here = Location(NAME, "results/"), tmp_path / "results"
    (here / "check").mkdir(parents=True)
    (here / "shards").mkdir()
    (here / "shards" / "S1C1.tar").write_bytes(DATA)
    for text in ("first", "second"):
        (here / "check" / "report.csv").write_text(text)
        pushing.push(member, place, here)
    pulling.pull(member, place, tmp_path / "there", lambda name: True)
    assert (tmp_path / "there" / "check" / "report.csv").read_text() == "second"
    assert (tmp_path / "there" / "shards" / "S1C1.tar").read_bytes() == DATA


def test_frames_are_labelled_and_stale_copies_removed(member, lab):
    def run():
        labelled = find_labelled(
            member, lab.frames, lab.data, lab.recordings, lab.labels, lab.indexes, "refuse"
        )
        return label(member, labelled, plan_labels(member, labelled, remove_stale=True))

    assert run().facts["objects"] == 24
    lab.label("S1C2", {3: "BAGGING", 4: "IV/IO LINE"})
    assert run().facts["objects"] == 18
    assert len([name for name in lab.below(lab.data) if name.endswith(".jpg")]) == 18


def test_frames_are_resized(member, lab):
    resized = Location(NAME, "resized/")
    pixels = {"size": 32, "fit": "pad", "quality": 2}
    wanted = find_frames(member, lab.frames, resized, ["S1C2"], pixels)
    made = resize(member, wanted, plan_resizing(member, wanted, remove_stale=True))
    assert made.facts["objects"] == 12


# -- frames up and down ---------------------------------------------------------------------------


def sync(way, server, folder, store="frames"):
    """Rule `sync_frames`: pictures of S1C2 up from a store in a folder, or down into the folder."""
    places = {name: f"s3://{NAME}/{place}" for name, place in STORES.items()}
    settings = {"endpoint": server.endpoint, "sync": way, "remove_stale": True}
    manifests = [folder / store / "S1C2" / "01" / "manifest.parquet"] if way == "upload" else []
    job = SyncFrames(SETTINGS | settings | places, ["S1C2"], manifests, folder / "framedata", [])
    perform(job, folder / "done.json")


STORES = {"frames": "framedata", "resized": "resized"}


def extract(folder, store="frames"):
    """A store with other pictures than the bucket has, and one less."""
    chapter = folder / store / "S1C2" / "01"
    chapter.mkdir(parents=True)
    names = [f"S1C2{frame:06d}.jpg" for frame in range(1, 12)]
    for number, name in enumerate(names):
        (chapter / name).write_bytes(picture(100 + number))
    return {f"S1C2/{name}": (chapter / name).read_bytes() for name in names}


def pictures(lab, place):
    there = lab.below(Location(NAME, f"{place}/"))
    return {name: data for name, data in there.items() if name.startswith("S1C2/")}


def test_frames_are_brought_down(lab, member, server, tmp_path):
    sync("download", server, tmp_path)
    brought = tmp_path / "framedata" / "S1C2"
    found = {f"S1C2/{path.name}": path.read_bytes() for path in brought.iterdir()}
    assert found == pictures(lab, "framedata")
    assert len(found) == 12


def test_full_size_frames_go_up_only_with_the_addition_of_the_document(
    lab, member, server, tmp_path, monkeypatch
):
    assert "add `framedata/*` to the last list but one" in DOCUMENT.read_text()
    before, local = lab.below(lab.frames), extract(tmp_path)
    with pytest.raises(InputError) as caught:
        sync("upload", server, tmp_path)
    (problem,) = caught.value.problems
    assert "AccessDenied" in problem.message
    assert "docs/s3.md" in problem.remedy
    assert lab.below(lab.frames) == before
    assert not (tmp_path / "done.json").exists()
    become(monkeypatch, seaweed.UPLOADER)
    sync("upload", server, tmp_path)
    # One that was not extracted is nobody's copy, whatever `remove_stale` says.
    (other,) = pictures(lab, "framedata").keys() - local.keys()
    assert pictures(lab, "framedata") == local | {other: before[other]}
    with pytest.raises(ClientError, match="AccessDenied"):
        connect(NAME, server.endpoint).control.put_object(Bucket=NAME, Key="raw/x", Body=b"x")


def test_small_frames_go_up(lab, member, server, tmp_path):
    local = extract(tmp_path, "resized")
    sync("upload", server, tmp_path, "resized")
    assert pictures(lab, "resized") == local


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("create_bucket", {"Bucket": "another"}),
        ("delete_bucket", {}),
        ("put_bucket_policy", {"Policy": "{}"}),
        ("put_bucket_acl", {"ACL": "public-read"}),
        ("put_object_acl", {"Key": "results/x", "ACL": "public-read"}),
        ("put_object", {"Key": "raw/x", "Body": b"x"}),
        ("put_object", {"Key": "framedata/S1C2/S1C2000001.jpg", "Body": b"x"}),
        ("put_object", {"Key": "elsewhere", "Body": b"x"}),
        ("delete_object", {"Key": "results/x"}),
        ("delete_object", {"Key": "raw/x"}),
        ("get_object", {"Key": "elsewhere"}),
        ("list_objects_v2", {}),
    ],
)
def test_nothing_else_is_allowed(owner, member, call, arguments):
    for key in ("results/x", "raw/x", "elsewhere"):
        owner.put_object(Bucket=NAME, Key=key, Body=b"x")
    with pytest.raises(ClientError) as raised:
        getattr(member.control, call)(**{"Bucket": NAME, **arguments})
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


# -- checksums ------------------------------------------------------------------------------------


UPLOADS = {
    # way: requests that carry content
    "small object": 1,
    "picture": 1,
    "large picture": 4,
    "file": 1,
    "large file": 2,
}


def upload(bucket, way, folder):
    """As results and frames go up: documents, pictures by the hundred, files of any size."""
    data = DATA if way.startswith("large") else DATA[:1000]
    if way == "small object":
        bucket.write("results/x", data)
    elif way.endswith("picture"):
        obstore.put(bucket.uploads, "results/x", data)
    else:
        (folder / "x").write_bytes(data)
        send_file(bucket, folder / "x", "results/x")


@pytest.mark.parametrize("way", UPLOADS)
def test_every_upload_carries_its_sha256(member, server, tmp_path, way):
    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        upload(connect(NAME, proxy.endpoint), way, tmp_path)
    sent = [
        headers
        for (method, _), headers in zip(proxy.requests, proxy.headers, strict=True)
        if method == "PUT"
    ]
    assert len(sent) == UPLOADS[way]
    for headers in sent:
        trailer = headers.get("x-amz-trailer") == "x-amz-checksum-sha256"
        assert trailer or "x-amz-checksum-sha256" in headers, headers


@pytest.mark.parametrize(
    ("way", "damaged"), [(way, number) for way, count in UPLOADS.items() for number in {1, count}]
)
def test_what_is_damaged_on_the_way_up_is_refused(owner, member, server, tmp_path, way, damaged):
    """One of its requests, the first or the last."""
    owner.put_object(Bucket=NAME, Key="results/x", Body=b"before")
    seen = []

    def fault(method, path):
        seen.extend([path] if method == "PUT" and is_part(path, damaged) else [])
        return "damage" if method == "PUT" and is_part(path, damaged) else None

    with (
        Proxy(server.endpoint, fault) as proxy,
        pytest.raises((InputError, obstore.exceptions.BaseError), match="BadDigest"),
    ):
        upload(connect(NAME, proxy.endpoint, tries=1), way, tmp_path)
    assert seen
    assert owner.get_object(Bucket=NAME, Key="results/x")["Body"].read() == b"before"
    unfinished = owner.list_multipart_uploads(Bucket=NAME, Prefix="results/").get("Uploads", [])
    assert unfinished == [], "no part is left that has to be paid for"


def is_part(path, number):
    """Whether a request is of that part, or of an object that goes up whole."""
    found = re.search(r"[?&]partNumber=(\d+)", path)
    return found is None or int(found[1]) == number
