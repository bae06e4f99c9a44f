"""Frames up and down, against a real server."""

import pytest
from faults import Proxy, is_put_of_picture, killing
from lab import connect, encryption, until_readable

from clapboard.artifacts import read_parquet
from clapboard.problems import InputError
from clapboard.s3.downloading import download, plan_download
from clapboard.s3.location import Location
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.receipt import BEGUN, NAME, read_receipt
from clapboard.s3.sending import send_file
from clapboard.s3.uploading import local_frames, plan_upload, upload


def content(frame):
    return b"frame %d " % frame * 2000


@pytest.fixture
def folders(tmp_path):
    """Two recordings of 30 frames, in one and in two folders."""
    for recording, chapter, frames in [
        ("S1C1", "01", range(1, 31)),
        ("S1C2", "01", range(1, 11)),
        ("S1C2", "02", range(11, 31)),
    ]:
        folder = tmp_path / "store" / recording / chapter
        folder.mkdir(parents=True)
        (folder / "ledger.parquet").write_bytes(b"not a picture")
        for frame in frames:
            (folder / f"{recording}{frame:06d}.jpg").write_bytes(content(frame))
    store = tmp_path / "store"
    return {name: sorted((store / name).iterdir()) for name in ("S1C1", "S1C2")}


@pytest.fixture
def bucket(server, bucket_name, as_writer):
    return connect(bucket_name, server.endpoint)


@pytest.fixture
def target(bucket, request):
    return Location(bucket.name, f"{request.node.name}/framedata/")


def send(bucket, folders, target, remove_stale=False):
    files = local_frames(folders)
    plan = plan_upload(bucket, files, target, remove_stale)
    return plan, upload(bucket, files, target, plan)


def names(bucket, location):
    return {location.name(one.key) for one in bucket.objects(location.prefix)}


def test_up_and_down_gives_the_same_files(bucket, folders, target, tmp_path):
    plan, receipt = send(bucket, folders, target)
    assert (len(plan.todo), receipt.facts["objects"]) == (60, 60)
    assert "S1C2/S1C2000011.jpg" in names(bucket, target)

    plan = plan_download(bucket, target, ["S1C1", "S1C2"], tmp_path / "down")
    brought = download(bucket, plan)
    files = list((tmp_path / "down").rglob("*.jpg"))
    assert len(files) == 60
    assert all(path.read_bytes() == content(int(path.stem[4:])) for path in files)
    again = plan_download(bucket, target, ["S1C1", "S1C2"], tmp_path / "down")
    assert (again.todo, again.kept) == ((), 60)
    written, facts = read_parquet(tmp_path / "down" / NAME)
    assert facts == brought.facts == download(bucket, again).facts
    assert (facts["objects"], facts["digest"]) == (60, receipt.facts["digest"])
    assert {tmp_path / "down" / name for name in written["path"].to_pylist()} == set(files)


def test_only_what_differs_goes_up(bucket, folders, target):
    send(bucket, folders, target)
    assert send(bucket, folders, target)[0].todo == ()
    same_size = content(3)[:-1] + b"!"
    (folders["S1C1"][0] / "S1C1000003.jpg").write_bytes(same_size)
    plan, _ = send(bucket, folders, target)
    assert [transfer.target for transfer in plan.todo] == [target.key("S1C1/S1C1000003.jpg")]
    assert bucket.read(target.key("S1C1/S1C1000003.jpg")) == same_size


def test_stale_frames_go_only_with_consent_and_only_of_these_recordings(bucket, folders, target):
    send(bucket, folders, target)
    bucket.write(target.key("S9C9/S9C9000001.jpg"), b"somebody else's")
    (folders["S1C1"][0] / "S1C1000030.jpg").unlink()
    plan, _ = send(bucket, folders, target)
    assert plan.stale == (target.key("S1C1/S1C1000030.jpg"),)
    assert "S1C1/S1C1000030.jpg" in names(bucket, target)
    send(bucket, folders, target, remove_stale=True)
    assert "S1C1/S1C1000030.jpg" not in names(bucket, target)
    assert "S9C9/S9C9000001.jpg" in names(bucket, target)


def test_nobodys_copies_are_never_stale(bucket, folders, target):
    """A lab's frames in full size: those without a label are here and nowhere else."""
    bucket.write(target.key("S1C1/S1C1000099.jpg"), b"not labelled")
    files = local_frames(folders)
    plan = plan_upload(bucket, files, target, remove_stale=True, originals=True)
    upload(bucket, files, target, plan)
    assert {"S1C1/S1C1000099.jpg", "S1C1/S1C1000003.jpg"} <= set(names(bucket, target))


def test_a_server_killed_in_mid_upload_and_back(folders, mortal, tmp_path):
    server, bucket = mortal
    target = Location(bucket.name, "framedata/")
    with Proxy(server.endpoint, killing(server, 20, is_put_of_picture)) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=1, connections=4)
        with pytest.raises(InputError, match="goes on where it stopped"):
            send(broken, folders, target)
    server.start()
    until_readable(bucket, target.key(BEGUN))
    assert bucket.read(target.key(NAME)) is None
    with pytest.raises(InputError, match="stopped half-way"):
        plan_download(bucket, target, ["S1C1"], tmp_path / "down")
    plan, receipt = send(bucket, folders, target)
    assert plan.kept == 60 - len(plan.todo) >= 10
    assert receipt.facts["objects"] == 60
    for name in names(bucket, target) - {NAME}:
        assert bucket.read(target.key(name)) == content(int(name[-10:-4]))


def test_a_download_that_fails_leaves_no_half_file(bucket, folders, target, server, tmp_path):
    send(bucket, folders, target)

    def fault(method, path):
        return "cut" if method == "GET" and path.endswith("7.jpg") else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=1)
        plan = plan_download(broken, target, ["S1C1"], tmp_path / "down")
        with pytest.raises(InputError):
            download(broken, plan)
    for path in (tmp_path / "down").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == content(int(path.stem[4:]))
    assert not (tmp_path / "down" / NAME).exists()


def test_a_stopped_download_goes_on_where_tags_say_nothing(
    bucket, folders, target, server, tmp_path
):
    send(bucket, folders, target)
    here = tmp_path / "down" / "S1C1"

    def attempt(broken):
        """Names of the pictures that are fetched; with `broken` no second ten of them comes."""

        def fault(method, path):
            asked = method == "GET" and path.endswith(".jpg")
            return "cut" if broken and asked and path[-6] == "1" else None

        with Proxy(server.endpoint, fault, tags_say_nothing=True) as proxy:
            proxy.added["x-amz-server-side-encryption"] = "aws:kms"
            through = connect(bucket.name, proxy.endpoint, tries=1, connections=1)
            plan = plan_download(through, target, ["S1C1"], tmp_path / "down")
            if broken:
                with pytest.raises(InputError, match="goes on where it stopped"):
                    download(through, plan)
            else:
                download(through, plan)
        return [one.target.rpartition("/")[2] for one in plan.todo]

    def numbered(*frames):
        return [f"S1C1{frame:06d}.jpg" for frame in frames]

    assert attempt(broken=True) == numbered(*range(1, 31))
    assert len(list(here.glob("*.jpg"))) == 9
    assert attempt(broken=False) == numbered(*range(10, 31))
    assert attempt(broken=False) == []
    (here / "S1C1000003.jpg").write_bytes(content(3)[:-1] + b"!")
    (here / "S1C1000004.jpg").write_bytes(b"")
    bucket.write(target.key("S1C1/S1C1000005.jpg"), content(5)[:-1] + b"!")
    assert attempt(broken=False) == numbered(3, 4, 5)
    assert [(here / name).read_bytes()[-1:] for name in numbered(3, 4, 5)] == [b" ", b" ", b"!"]


def test_recordings_without_frames_are_said_and_not_taken_for_done(
    bucket, folders, target, tmp_path
):
    send(bucket, {"S1C1": folders["S1C1"]}, target)
    with pytest.raises(InputError) as caught:
        plan_download(bucket, target, ["S1C1", "S1C2", "S1C3"], tmp_path / "down")
    said = [(problem.check, problem.file) for problem in caught.value.problems]
    assert said == [("missing-frames", f"{target.url}{id}/") for id in ("S1C2", "S1C3")]
    # Of split Predict no frames go up.
    plan = plan_download(bucket, target, ["S1C1"], tmp_path / "down", others=["P1C1"])
    assert len(plan.todo) == 30
    with pytest.raises(InputError, match=r"Correct s3\.frames"):
        plan_download(bucket, target.folder("misspelt"), [], tmp_path / "down", others=["P1C1"])


def test_two_pictures_of_one_name_are_refused(folders, bucket, target):
    twin = folders["S1C2"][1] / "S1C2000001.jpg"
    twin.write_bytes(b"other")
    with pytest.raises(InputError, match="same name"):
        local_frames(folders)
    assert read_receipt(bucket, target) is None


def test_objects_are_encrypted_when_the_configuration_says_so(
    server, bucket_name, as_writer, tmp_path
):
    bucket = connect(bucket_name, server.endpoint, encryption="AES256")
    here = Location(bucket.name, "encrypted/")
    large = tmp_path / "large"
    large.write_bytes(b"z" * (PART_BYTES + 1))
    bucket.write(here.key("control"), b"x")
    bucket.uploads.put(here.key("bulk"), b"y")
    bucket.store.copy(here.key("bulk"), here.key("copy"))
    send_file(bucket, large, here.key("parts"))
    wanted = {"control": b"x", "bulk": b"y", "copy": b"y", "parts": large.read_bytes()}
    assert encryption(bucket, here) == dict.fromkeys(wanted, "AES256")
    for name, data in wanted.items():
        assert bucket.read(here.key(name)) == data


def test_frames_are_encrypted_as_the_configuration_says(
    server, bucket_name, as_writer, folders, target, tmp_path
):
    bucket = connect(bucket_name, server.endpoint, encryption="AES256")
    send(bucket, folders, target)
    made = encryption(bucket, target)
    assert set(made.values()) == {"AES256"}
    assert set(made) == {NAME, *local_frames(folders)}
    assert send(bucket, folders, target)[0].todo == ()
    download(bucket, plan_download(bucket, target, ["S1C1", "S1C2"], tmp_path / "down"))
    brought = list((tmp_path / "down").rglob("*.jpg"))
    assert len(brought) == 60
    assert all(path.read_bytes() == content(int(path.stem[4:])) for path in brought)
    assert plan_download(bucket, target, ["S1C1", "S1C2"], tmp_path / "down").todo == ()
