"""Frames resized from bucket to bucket, against a real server."""

import io
import time

import numpy as np
import pytest
from faults import Proxy
from lab import connect, encryption
from PIL import Image

from clapboard.problems import InputError
from clapboard.s3.location import Location
from clapboard.s3.receipt import BEGUN, NAME
from clapboard.s3.resizing import SETTINGS, find_frames, plan_resizing, resize
from clapboard.s3.uploading import plan_upload, upload
from clapboard.video.pixels import JpegEncoder, PixelSettings, Resizer

FRAMES = {"size": 32, "fit": "pad", "quality": 2}


def picture(seed, width=96, height=64):
    """A JPEG of smooth colours."""
    chance = np.random.default_rng(seed)
    small = chance.integers(0, 255, (4, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((width, height)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Store:
    def __init__(self, bucket, prefix, count=10):
        self.bucket = bucket
        self.frames = Location(bucket.name, f"{prefix}/framedata/")
        self.resized = Location(bucket.name, f"{prefix}/resized/")
        self.put({frame: picture(frame) for frame in range(1, count + 1)})

    def put(self, pictures):
        for frame, data in pictures.items():
            self.bucket.write(self.frames.key(f"S1C2/S1C2{frame:06d}.jpg"), data)

    def run(self, bucket=None, remove_stale=False, **settings):
        bucket = bucket or self.bucket
        resizing = find_frames(bucket, self.frames, self.resized, ["S1C2"], FRAMES | settings)
        plan = plan_resizing(bucket, resizing, remove_stale)
        return plan, resize(bucket, resizing, plan)

    def made(self):
        found = self.bucket.objects(self.resized.prefix)
        names = [self.resized.name(one.key) for one in found]
        return {n: self.bucket.read(self.resized.key(n)) for n in names if n.endswith(".jpg")}


@pytest.fixture
def store(server, bucket_name, as_writer, request):
    return Store(connect(bucket_name, server.endpoint), request.node.name)


def test_every_frame_is_resized_by_the_one_pixel_definition(store):
    import av

    _, receipt = store.run()
    made = store.made()
    assert receipt.facts["objects"] == len(made) == 10
    with Image.open(io.BytesIO(picture(7))) as image:
        image.draft("RGB", (64, 64))
        frame = av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")))
    settings = PixelSettings.of(FRAMES)
    assert made["S1C2/S1C2000007.jpg"] == JpegEncoder(2)(Resizer(settings)(frame))
    with Image.open(io.BytesIO(made["S1C2/S1C2000007.jpg"])) as image:
        assert image.size == (32, 32)


def test_small_frames_are_encrypted_as_the_configuration_says(store, server):
    store.run()
    plain = store.made()
    bucket = connect(store.bucket.name, server.endpoint, encryption="AES256")
    store.resized = store.resized.folder("encrypted")
    store.run(bucket)
    made = encryption(bucket, store.resized)
    assert set(made.values()) == {"AES256"}
    assert set(made) == {*plain, NAME, SETTINGS}
    assert store.made() == plain
    assert store.run(bucket)[0].todo == ()


def test_a_second_run_does_nothing_and_other_settings_do_everything(store):
    store.run()
    assert store.run()[0].todo == ()
    plan, receipt = store.run(size=16)
    assert len(plan.todo) == 10
    assert receipt.facts["settings"]["size"] == 16
    with Image.open(io.BytesIO(store.made()["S1C2/S1C2000001.jpg"])) as image:
        assert image.size == (16, 16)


def test_small_frames_of_nothing_go_only_with_consent_and_only_of_these_recordings(store):
    others = [store.resized.key(f"{name}/{name}000099.jpg") for name in ("S1C2", "S9C9")]
    for key in others:
        store.bucket.write(key, b"made of nothing that is there")
    assert store.run()[0].stale == (others[0],)
    assert {store.resized.name(key) for key in others} < set(store.made())
    store.run(remove_stale=True)
    left = set(store.made())
    assert store.resized.name(others[0]) not in left
    assert store.resized.name(others[1]) in left


def test_a_changed_and_a_new_source_are_resized(store):
    store.run()
    before = store.made()
    store.put({3: picture(99), 11: picture(11)})
    plan, _ = store.run()
    assert sorted(transfer.target[-6:] for transfer in plan.todo) == ["03.jpg", "11.jpg"]
    after = store.made()
    assert after["S1C2/S1C2000003.jpg"] != before["S1C2/S1C2000003.jpg"]
    assert after["S1C2/S1C2000004.jpg"] == before["S1C2/S1C2000004.jpg"]


def test_after_an_interruption_only_the_rest_is_done(store, server):
    # The server tells the time to the second, and what is as old as its source or the settings is
    # made again: one pause is before the settings, the other before the first picture.
    time.sleep(1.1)
    store.bucket.write(store.resized.key("settings.json"), b"{}")
    refused = {f"S1C2{frame:06d}.jpg" for frame in range(5, 11)}

    def fault(method, path):
        if method != "PUT" or not path.endswith(".jpg"):
            return None
        return "503" if path.rpartition("/")[2] in refused else 1.1

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(store.bucket.name, proxy.endpoint, tries=1, connections=1)
        with pytest.raises(InputError):
            store.run(broken)
    done = set(store.made())
    assert done == {f"S1C2/S1C2{frame:06d}.jpg" for frame in range(1, 5)}
    assert store.bucket.read(store.resized.key(NAME)) is None

    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        plan, receipt = store.run(connect(store.bucket.name, proxy.endpoint))
        asked = [
            (method, path.rpartition("/")[2])
            for method, path in proxy.requests
            if path.endswith(".jpg")
        ]
    assert plan.kept == 4
    assert sorted(asked) == sorted((way, name) for name in refused for way in ("GET", "PUT"))
    assert receipt.facts["objects"] == 10


@pytest.mark.parametrize("stopped", [False, True])
def test_pictures_of_another_size_that_came_between_are_never_taken_for_right(
    store, server, tmp_path, stopped
):
    """`sync_frames` has written its own to the same place, and the next resizing is stopped."""
    store.run()
    time.sleep(1.1)  # the server tells the time to the second
    files = {}
    for frame in range(1, 11):
        files[f"S1C2/S1C2{frame:06d}.jpg"] = path = tmp_path / f"{frame}.jpg"
        path.write_bytes(picture(frame, 16, 16))
    plan = plan_upload(store.bucket, files, store.resized, remove_stale=False)

    def puts_after(count):
        left = iter(range(count))

        def fault(method, path):
            counts = method == "PUT" and path.endswith(".jpg")
            return "503" if counts and next(left, None) is None else None

        return fault

    def broken(proxy):
        return connect(store.bucket.name, proxy.endpoint, tries=0, connections=1)

    if stopped:
        with Proxy(server.endpoint, puts_after(8)) as proxy, pytest.raises(InputError):
            upload(broken(proxy), files, store.resized, plan)
    else:
        upload(store.bucket, files, store.resized, plan)
    with Proxy(server.endpoint, puts_after(3)) as proxy, pytest.raises(InputError):
        store.run(broken(proxy))
    store.run()
    sizes = {Image.open(io.BytesIO(data)).size for data in store.made().values()}
    assert sizes == {(32, 32)}
    assert len(store.made()) == 10


def test_a_truncated_picture_is_named_and_nothing_is_finished(store):
    store.put({4: picture(4)[:-200]})
    with pytest.raises(InputError, match=r"S1C2000004.jpg is not a whole picture"):
        store.run()
    assert store.bucket.read(store.resized.key(NAME)) is None


def test_a_connection_cut_in_the_middle_of_a_picture_is_outlasted(store, server):
    cut = set()

    def fault(method, path):
        if method == "GET" and path.endswith("2.jpg") and path not in cut:
            cut.add(path)
            return "cut"
        return None

    with Proxy(server.endpoint, fault) as proxy:
        _, receipt = store.run(connect(store.bucket.name, proxy.endpoint))
    assert cut
    assert receipt.facts["objects"] == 10
    assert all(Image.open(io.BytesIO(data)).size == (32, 32) for data in store.made().values())


def test_frames_whose_upload_was_stopped_are_not_taken_for_all(store):
    store.bucket.write(store.frames.key(BEGUN), b"what was going to be there")
    with pytest.raises(InputError, match="stopped half-way"):
        store.run()
    assert store.made() == {}
    store.bucket.delete([store.frames.key(BEGUN)])
    assert len(store.run()[0].todo) == 10


def test_a_recording_without_frames_is_named(store):
    with pytest.raises(InputError, match="no frames of S9C2"):
        find_frames(store.bucket, store.frames, store.resized, ["S1C2", "S9C2"], FRAMES)
