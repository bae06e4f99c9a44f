"""Labelled copies made by the server, against a real server."""

import obstore
import pytest
import seaweed
from faults import Proxy
from lab import Lab, become, connect, encryption

from clapboard.problems import InputError
from clapboard.s3 import concurrency
from clapboard.s3.labelling import find_labelled, label, plan_labels
from clapboard.s3.receipt import NAME, read_receipt

SPLITS = {"S1": "Training", "S6": "Validation", "S7": "Test"}
LINE = "IV_IO_LINE~"


@pytest.fixture
def lab(server, bucket_name, as_writer, tmp_path, request):
    bucket = connect(bucket_name, server.endpoint)
    return Lab(bucket, tmp_path, request.node.name, SPLITS)


def find(lab, bucket=None, unseen="refuse", data=None):
    return find_labelled(
        bucket or lab.bucket,
        lab.frames,
        data or lab.data,
        lab.recordings,
        lab.labels,
        lab.indexes,
        unseen,
    )


def run(lab, bucket=None, remove_stale=False, unseen="refuse"):
    bucket = bucket or lab.bucket
    labelled = find(lab, bucket, unseen)
    plan = plan_labels(bucket, labelled, remove_stale)
    return plan, label(bucket, labelled, plan)


def copies(lab):
    return {name: data for name, data in lab.below(lab.data).items() if name.endswith(".jpg")}


def test_every_labelled_frame_is_where_its_split_and_label_say(lab):
    plan, receipt = run(lab)
    made = copies(lab)
    assert len(made) == len(plan.todo) == receipt.facts["objects"] == 24
    assert made["Training/BAGGING/S1C2000004.jpg"] == b"0 4"
    by_folder = {name.split("/")[1] for name in made}
    assert "BAGGING" in by_folder
    assert any(folder.startswith(LINE) for folder in by_folder)
    for name, data in made.items():
        split, folder, file = name.split("/")
        subject, frame = file[:2], int(file[4:10])
        assert SPLITS[subject] == split
        assert (folder == "BAGGING") == (frame % 2 == 0)
        assert data == b"%d %d" % (list(SPLITS).index(subject), frame)
    classes = lab.bucket.read(lab.data.key("labels.csv")).decode()
    assert classes.startswith("index,label,folder\n0,BAGGING,BAGGING\n1,IV/IO LINE,")


def test_a_second_run_copies_nothing(lab):
    _, first = run(lab)
    plan, second = run(lab)
    assert plan.todo == ()
    assert plan.kept == 24
    assert second.facts == first.facts


def test_copies_are_encrypted_as_the_configuration_says(lab, server):
    """Also copies of what is not."""
    bucket = connect(lab.bucket.name, server.endpoint, encryption="AES256")
    run(lab, bucket)
    assert set(encryption(bucket, lab.frames).values()) == {None}
    made = encryption(bucket, lab.data)
    assert set(made.values()) == {"AES256"}
    assert {NAME, "labels.csv"} < set(made)
    assert len(copies(lab)) == 24
    assert copies(lab)["Training/BAGGING/S1C2000004.jpg"] == b"0 4"
    assert run(lab, bucket)[0].todo == ()


def test_only_the_prefix_with_its_slash_is_taken(lab):
    lab.put("S1C2 old", 4, b"another recording")
    labelled = find(lab)
    assert not any("old" in key for key in labelled.table["source"].to_pylist())


def test_a_changed_source_is_copied_again(lab):
    run(lab)
    lab.put("S1C2", 4, b"9 9")
    plan, _ = run(lab)
    assert [transfer.target for transfer in plan.todo] == [
        lab.data.key("Training/BAGGING/S1C2000004.jpg")
    ]
    assert copies(lab)["Training/BAGGING/S1C2000004.jpg"] == b"9 9"


def test_after_relabelling_stale_copies_go_only_with_consent(lab):
    run(lab)
    lab.bucket.write(lab.data.key("Training/notes.txt"), b"mine")
    lab.bucket.write(lab.data.key("elsewhere/x/S1C2000004.jpg"), b"mine")
    lab.label("S1C2", {4: "IV/IO LINE", 6: "BAGGING"})
    plan, _ = run(lab)
    assert len(plan.todo) == 1
    assert len(plan.stale) == 7
    assert "Training/BAGGING/S1C2000004.jpg" in copies(lab)

    plan, receipt = run(lab, remove_stale=True)
    assert len(plan.removed) == 7
    made = lab.below(lab.data)
    assert "Training/BAGGING/S1C2000004.jpg" not in made
    assert made["Training/notes.txt"] == made["elsewhere/x/S1C2000004.jpg"] == b"mine"
    assert receipt.facts["objects"] == 18


def test_labelled_frames_that_are_missing_are_all_named_before_anything_is_copied(lab):
    lab.bucket.delete([lab.frames.key(f"S7C2/S7C2{frame:06d}.jpg") for frame in (4, 5)])
    lab.bucket.delete([lab.frames.key("S1C2/S1C2000003.jpg")])
    with pytest.raises(InputError) as caught:
        find(lab)
    assert len(caught.value.problems) == 2
    assert "2 labelled frames are not there: 4, 5" in str(caught.value)
    assert copies(lab) == {}


def test_a_label_unseen_in_training_is_refused_or_dropped(lab):
    lab.label("S7C2", {4: "INCISION", 6: "BAGGING"})
    with pytest.raises(InputError, match="INCISION"):
        find(lab)
    run(lab, unseen="drop")
    assert sum(name.startswith("Test/") for name in copies(lab)) == 1


def test_an_interrupted_run_has_no_receipt_and_goes_on_where_it_stopped(lab, server):
    passed = iter(range(10))

    def fault(method, path):
        copying = method == "PUT" and path.endswith(".jpg")
        return "503" if copying and next(passed, None) is None else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(lab.bucket.name, proxy.endpoint, tries=1)
        with pytest.raises(InputError, match="goes on where it stopped"):
            run(lab, broken)
    assert NAME not in lab.below(lab.data)
    assert 0 < len(copies(lab)) < 24

    plan, _ = run(lab)
    assert plan.kept == 24 - len(plan.todo) > 0
    assert len(copies(lab)) == 24
    assert read_receipt(lab.bucket, lab.data).facts["objects"] == 24


def test_what_was_copied_is_not_copied_again_where_tags_say_nothing(lab, server):
    def attempt(count, broken):
        """A run whose copies fail after so many; those that have not."""
        left = iter(range(count))

        def fault(method, path):
            copying = method == "PUT" and path.endswith(".jpg")
            if copying and next(left, None) is not None:
                passed.add(path)
                return None
            return "drop" if copying else None

        passed = set()
        with Proxy(server.endpoint, fault, tags_say_nothing=True) as proxy:
            bucket = connect(lab.bucket.name, proxy.endpoint, tries=0, connections=1)
            if broken:
                with pytest.raises(InputError, match="goes on where it stopped"):
                    run(lab, bucket)
            else:
                run(lab, bucket)
        return passed

    first = attempt(10, broken=True)
    second = attempt(8, broken=True)
    assert NAME not in lab.below(lab.data)
    third = attempt(24, broken=False)
    assert (len(first), len(second), len(third)) == (10, 8, 6)
    assert len(first | second | third) == len(copies(lab)) == 24
    assert not any("unfinished" in name for name in lab.below(lab.data))

    lab.put("S1C2", 4, b"9 9")
    assert len(attempt(24, broken=False)) == 1
    assert copies(lab)["Training/BAGGING/S1C2000004.jpg"] == b"9 9"


def test_throttling_drops_and_slowness_are_outlasted(lab, server):
    counts = {}

    def fault(method, path):
        counts[method, path] = counts.get((method, path), 0) + 1
        if not path.endswith(".jpg") or counts[method, path] > 1:
            return None
        frame = int(path[-10:-4])
        return {0: "503", 1: "drop", 2: 0.5}.get(frame % 4)

    with Proxy(server.endpoint, fault) as proxy:
        run(lab, connect(lab.bucket.name, proxy.endpoint))
    assert len(copies(lab)) == 24


def test_wrong_secret_and_missing_rights_are_said_and_change_nothing(lab, server, monkeypatch):
    run(lab)
    before = lab.below(lab.data)
    lab.label("S1C2", {4: "IV/IO LINE", 6: "BAGGING"})
    labelled = find(lab)
    plan = plan_labels(lab.bucket, labelled, remove_stale=True)

    become(monkeypatch, seaweed.READER)
    with pytest.raises(InputError, match=r"rights listed in docs/s3\.md"):
        label(connect(lab.bucket.name, server.endpoint), labelled, plan)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError) as caught:
        find(lab, connect(lab.bucket.name, server.endpoint))
    assert "wrong" not in str(caught.value)
    assert lab.below(lab.data) == before


def test_no_credentials_and_no_bucket_are_said(lab, server, monkeypatch):
    with pytest.raises(InputError, match="never makes a bucket"):
        find(lab, connect("lab-without-bucket", server.endpoint))
    for name in seaweed.WRITER:
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match="no AWS credentials"):
        connect(lab.bucket.name, server.endpoint)


def test_twenty_thousand_objects_are_all_seen(server, bucket_name, as_writer, tmp_path):
    count = 20_000
    bucket = connect(bucket_name, server.endpoint, connections=64)
    lab = Lab(bucket, tmp_path, "pages", {"S1": "Training"}, frames=0)
    lab.index("S1C2", count)
    lab.label("S1C2", dict.fromkeys(range(1, count + 1), "BAGGING"))

    async def put(frame):
        key = lab.frames.key(f"S1C2/S1C2{frame:06d}.jpg")
        await obstore.put_async(bucket.store, key, b"%d" % frame)

    concurrency.run(range(1, count + 1), put, 64, "frames")
    asked = []
    bucket.control.meta.events.register(
        "before-send.s3.ListObjectsV2", lambda request, **_: asked.append(request.url)
    )
    plan, receipt = run(lab)
    assert receipt.facts["objects"] == len(plan.todo) == count
    # This run has planned once; the plan is shown once besides.
    assert plan.requests()["LIST"] == len(asked) + plan.listings
    assert 2 * (1 + count // 1000) <= len(asked) <= 2 * (2 + count // 1000) + 2
    assert run(lab)[0].todo == ()
