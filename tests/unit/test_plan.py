"""The plan against what the pipeline then does: labelled, selected and decoded frames."""

import csv
from argparse import Namespace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from filming import Camera, film
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clapboard.annotations.reading import read_sheet
from clapboard.labels import sampling
from clapboard.labels.framecsv import frame_ranges
from clapboard.labels.labelling import label_frames
from clapboard.planning.plan import make_plan, run, write_table
from clapboard.planning.plan_picture import draw_counts
from clapboard.planning.plan_text import as_text
from clapboard.planning.price import Price, Speed, frames_to_decode, price
from clapboard.s3.parts import sending_requests, sent_part
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import load
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

CAMERA = Camera(size=(64, 48), codec="h264", gop=15)
SHEET = """PROCEDURE,Original_Start_Time,Original_Stop_Time
CLAP,2019-04-04 09:00:00:000000,2019-04-04 09:00:00:000000
CUFF,2019-04-04 09:00:00:500000,2019-04-04 09:00:02:500000
SPLINT,2019-04-04 09:00:02:500000,2019-04-04 09:00:02:600000
CUFF,2019-04-04 09:00:04:000000,2019-04-04 09:00:05:500000
REST,2019-04-04 09:00:05:500000,2019-04-04 09:00:05:900000
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two cameras of one subject, a shared sheet; one more subject with pictures."""
    folder = tmp_path_factory.mktemp("plan")
    sheet = folder / "S1.csv"
    sheet.write_text(SHEET)
    for camera in ("C1", "C2"):
        for chapter in (1, 2):
            film(folder / f"{camera}_{chapter}.mp4", CAMERA, 90)
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in [*range(1, 80), *range(96, 151)]:
        Image.new("RGB", (32, 32)).save(pictures / f"S2C1{number:06d}.jpg")

    def recording(subject, camera, split, chapters, **more):
        values = {
            "id": subject + camera,
            "subject": subject,
            "session": "",
            "camera": camera,
            "split": split,
            "annotations": str(sheet),
            "chapters": tuple(map(str, chapters)),
            "kind": "video",
            "clap": "0",
            "rate": "",
            "row": 2,
        }
        return Recording(**(values | more))

    return [
        recording("S1", "C1", "Training", [folder / f"C1_{n}.mp4" for n in (1, 2)]),
        recording(
            "S1", "C2", "Training", [folder / f"C2_{n}.mp4" for n in (1, 2)], clap="frame 11"
        ),
        recording("S2", "C1", "Test", [pictures], kind="images", rate="25"),
        recording("S3", "C1", "Predict", [folder / "C1_1.mp4"]),
    ]


def truth(recording, config, folder):
    """Labels and selection by the true index."""
    write_index(
        recording.id,
        recording.chapters,
        recording.kind,
        recording.rate,
        folder / "index.parquet",
        folder / "audit.json",
    )
    index = RecordingIndex.read(folder / "index.parquet")
    section = config.section("annotations")
    sheet, _ = read_sheet(recording.annotations, section)
    clap = index.seconds(11) if recording.clap == "frame 11" else Fraction(0)
    ranges = frame_ranges(sheet, clap, index.rate, index)
    labels = label_frames(ranges, index, "first", "", section["ignore"])
    return index, labels, sampling.select(labels, index, config.section("frames"))


@pytest.mark.parametrize("every", ["all", 4, "2/s", "keyframes"])
def test_the_plan_is_what_the_pipeline_does(recordings, tmp_path, every):
    config = load({"frames": {"every": every}, "annotations": {"ignore": ["rest"]}})
    plan = make_plan(config, recordings, threads=2)
    expected, decoded = {}, 0
    for recording in recordings[:3]:
        index, labels, selected = truth(recording, config, tmp_path)
        decoded += frames_to_decode(index, labels.frames[selected])
        for code, label in enumerate(labels.labels):
            key = (label, recording.subject)
            count = int((labels.codes[selected] == code).sum())
            expected[key] = expected.get(key, 0) + count
    found = {(row.label, row.subject): row.frames for row in plan.table.itertuples()}
    assert found == expected
    assert (plan.price.frames, plan.price.decoded) == (sum(expected.values()), decoded)
    assert plan.price.bytes > 0
    assert plan.price.core_seconds > 0


def test_two_cameras_share_rows_and_seconds_but_not_frames(recordings):
    plan = make_plan(load({}), recordings, threads=1)
    rows = {(row.label, row.subject): row for row in plan.table.itertuples()}
    assert (rows["CUFF", "S1"].rows, rows["CUFF", "S1"].seconds) == (2, 3.5)
    assert rows["CUFF", "S1"].frames == 2 * 105
    assert rows["CUFF", "S2"].frames == 88


def test_joined_videos_are_as_large_as_their_chapters(recordings):
    chapters = [file for one in recordings if one.kind == "video" for file in one.chapters]
    plan = make_plan(load({}), recordings, threads=1)
    assert plan.video_bytes == sum(Path(file).stat().st_size for file in chapters)
    in_bucket = {"s3": {"results": "s3://lab/results"}, "dataset": {"storage": "shards"}}
    for none in ({"video": {"concatenate": False}}, in_bucket):
        assert make_plan(load(none), recordings, 1).video_bytes == 0


def test_cameras_share_a_limit(recordings):
    plan = make_plan(load({"frames": {"max_per_label_and_subject": 30}}), recordings, threads=1)
    assert {row.frames for row in plan.table.itertuples() if row.label == "CUFF"} == {30}


def test_text_table_and_picture(recordings, tmp_path):
    plan = make_plan(load({}), recordings, threads=1)
    text = as_text(plan.table, plan.price, plan.threads, plan.video_bytes)
    assert all(word in text for word in ("CUFF", "Training", "Test", "S2", "S3 requests"))
    blocks = {block.split("\n")[0]: block.split("\n")[1:] for block in text.split("\n\n")}
    for measure in ("rows", "seconds", "frames"):
        head, _, *lines = blocks[f"{measure} by subject"]
        found = {line.split()[0]: list(map(int, line.split()[1:])) for line in lines}
        assert head.split() == ["subject", "S1", "S2"]
        table = plan.table.pivot_table(index="label", columns="subject", values=measure)
        assert found == {label: list(map(round, row)) for label, *row in table.itertuples()}
    write_table(plan, tmp_path / "plan.csv")
    with (tmp_path / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "label": "CUFF",
        "split": "Training",
        "subject": "S1",
        "rows": "2",
        "seconds": "3.5",
        "frames": "210",
    }
    draw_counts(plan.table, tmp_path / "plan.png")
    with Image.open(tmp_path / "plan.png") as image:
        assert min(image.size) > 200


def test_the_command(recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chapter = recordings[0].chapters[0]
    (tmp_path / "table.tsv").write_text(
        "subject\tcamera\tsplit\tannotations\tvideos\n"
        f"S1\tC1\tTraining\t{recordings[0].annotations}\t{chapter}\n"
    )
    (tmp_path / "config.yaml").write_text("recordings: table.tsv\n")
    said = []
    arguments = Namespace(configfile="config.yaml", table="plan.csv", picture="plan.png")
    assert run(arguments, said.append) == 0
    assert "SPLINT" in said[0]
    assert (tmp_path / "plan.csv").exists()
    assert (tmp_path / "plan.png").exists()


@st.composite
def wanted_frames(draw):
    keys = draw(st.lists(st.booleans(), min_size=1, max_size=60))
    keys[0] = True
    return np.array(keys), np.array(draw(st.lists(st.booleans(), min_size=len(keys))))[: len(keys)]


@settings(deadline=None)
@given(wanted_frames())
def test_decoding_goes_from_each_key_frame_to_the_last_wanted_frame(drawn):
    keys, wanted = drawn
    number = np.arange(len(keys))
    index = RecordingIndex(
        recording="S1C1",
        time_base=Fraction(1),
        rate=Fraction(1),
        pts=number,
        chapter=number.astype(np.int16),
        key=keys,
        source_pts=number,
        chapters=(),
    )
    expected, pending = 0, 0
    for key, want in zip(keys, wanted, strict=True):
        pending = 1 if key else pending + 1
        if want:
            expected, pending = expected + pending, 0
    assert frames_to_decode(index, np.flatnonzero(wanted) + 1) == expected


def test_prices_add_up():
    index = RecordingIndex(
        recording="S1C1",
        time_base=Fraction(1),
        rate=Fraction(1),
        pts=np.arange(100),
        chapter=np.ones(100, np.int16),
        key=np.arange(100) % 10 == 0,
        source_pts=np.arange(100),
        chapters=(),
    )
    speed = Speed(decode=0.02, store=0.001, bytes=1e7)
    one = price(index, np.array([1, 12, 15]), speed, full_size=True)
    # Two parts of 16 MiB, their beginning and end, and the entity tag.
    assert one == Price(3, 6, 6, 30_000_000, pytest.approx(0.123), 6, 5)
    assert (one + one).requests == 12


def test_what_is_very_large_goes_up_in_no_more_parts_than_s3_takes():
    size = 10**12
    assert sent_part(size) * 10_000 >= size
    assert sending_requests(size) <= 10_000 + 3
