"""Several cameras as one, in evaluation and prediction; frames of recordings without labels."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_index import make_index

from clapboard import artifacts
from clapboard.labels.unlabelled import write_sample
from clapboard.learning.answers import Judged, answer_table
from clapboard.learning.baselines import NAMES
from clapboard.learning.cameras import measure_fusion
from clapboard.learning.claps import clap_seconds, heard_clap
from clapboard.learning.durations import write_durations
from clapboard.learning.protocol import Answers
from clapboard.learning.timeline import write_timeline
from clapboard.problems import InputError
from clapboard.settings.config import load
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.filming import Camera, film_recording

LABELS = ("A", "B")
CAMERA = Camera(rate=Fraction(5), size=(64, 48), sound=True, sound_longer=Fraction(1, 20))
LATE = 100
"""Frames by which the second camera was started earlier."""


def frames_of(camera, first, count=60):
    numbers = np.arange(first, first + count)
    return pd.DataFrame(
        {
            "recording": f"S1{camera}",
            "subject": "S1",
            "session": "",
            "camera": camera,
            "frame": numbers,
            "seconds": (numbers - 1) * 1001 / 30000,
            "class_index": np.arange(count) // 30,
        }
    )


def answers_of(frames, wrong):
    """Sure and right, but for some frames: unsure and wrong."""
    true = np.eye(2)[frames["class_index"]]
    shares = np.where(
        wrong[:, None], 0.55 * (1 - true) + 0.45 * true, 0.9 * true + 0.1 * (1 - true)
    )
    return shares.astype(np.float32)


def judged(frames, shares):
    """Every baseline says A, or B that has not learnt A; nobody could have learnt the last five."""
    true, nothing = frames["class_index"].to_numpy(), np.empty((len(frames), 0))
    blind = Answers(frames, true, np.zeros_like(true), nothing, 2)
    without = replace(blind, predicted=np.ones_like(true))
    model = Answers(frames, true, shares.argmax(axis=1), shares, 2)
    trainable = np.arange(len(frames)) < len(frames) - 5
    rivals, unlearnt = dict.fromkeys(NAMES, blind), dict.fromkeys(NAMES, without)
    return Judged(model, rivals, trainable, LABELS, unlearnt)


@pytest.fixture
def session(tmp_path):
    """Each camera is wrong in a half of the session in which the other one is right."""
    early = np.arange(60) < 30
    for camera, first, wrong in (("C1", 1, early), ("C2", 1 + LATE, ~early)):
        frames = frames_of(camera, first)
        table = answer_table(judged(frames, answers_of(frames, wrong)))
        artifacts.write_parquet(tmp_path / f"{camera}.parquet", table, {"classes": LABELS})
        clap = Fraction((first - 1) * 1001, 30000)
        artifacts.write_json(tmp_path / f"{camera}.json", {"clap": str(clap), "scale": "1"})
        index = replace(make_index([1001 * n for n in range(LATE + 60)]), recording=f"S1{camera}")
        index.write(tmp_path / f"{camera}.index.parquet")
    return tmp_path


def test_cameras_make_up_for_each_other(session):
    files = [session / "C1.parquet", session / "C2.parquet"]
    syncs = {"S1C1": session / "C1.json", "S1C2": session / "C2.json"}
    measure_fusion(files, syncs, session / "fusion.json", seed=1, background="A")
    figures = artifacts.read_json(session / "fusion.json")
    assert figures["untrainable"] == {"B": 10}
    assert figures["interval_over"] == "recording"  # of one subject nothing else can be drawn anew
    low, high = figures["apart"]["intervals"]["accuracy"]
    assert low < figures["apart"]["model"]["accuracy"] < high
    assert figures["cameras"]["C1"]["intervals"]["accuracy"] == [None, None]
    for found, frames in ((figures, 55), (figures["without_background"], 25)):
        assert found["together"]["model"]["accuracy"] == 1
        apart = found["apart"]["model"]["accuracy"]
        assert found["accuracy_above_apart"]["difference"] == pytest.approx(1 - apart)
        assert apart == pytest.approx(0.5, abs=0.05)
        assert set(found["cameras"]) == {"C1", "C2"}
        supports = [one["per_class"]["B"]["support"] for one in found["cameras"].values()]
        assert supports == [25, 25]
        assert found["together"]["frames"] == found["apart"]["frames"] == 2 * frames
        assert [one["frames"] for one in found["cameras"].values()] == [frames, frames]
        rivals = [one["baselines"] for one in (found["together"], *found["cameras"].values())]
        majority, chance = (frames - 25) / frames, 0.5
        if found is not figures:
            majority = chance = 1  # B is all that remains
        for one in rivals:
            assert one["majority"]["accuracy"] == pytest.approx(majority)
            assert one["chance"]["accuracy"] == chance
        assert found["together"]["per_subject"]["S1"]["frames"] == 2 * frames


def test_cameras_of_a_clock_that_drifts_are_brought_together_by_its_scale(session):
    """The second camera counts 3 s where the first counts 2, as its labels are placed."""
    table = artifacts.read_parquet(session / "C2.parquet")[0]
    clap, scale = Fraction(LATE * 1001, 30000), Fraction(3, 2)
    times = float(clap) + (table["seconds"].to_numpy() - float(clap)) * float(scale)
    table = table.set_column(table.schema.get_field_index("seconds"), "seconds", pa.array(times))
    artifacts.write_parquet(session / "C2.parquet", table, {"classes": LABELS})
    artifacts.write_json(session / "C2.json", {"clap": str(clap), "scale": str(scale)})
    files = [session / "C1.parquet", session / "C2.parquet"]
    syncs = {"S1C1": session / "C1.json", "S1C2": session / "C2.json"}
    measure_fusion(files, syncs, session / "fusion.json", seed=1)
    assert artifacts.read_json(session / "fusion.json")["together"]["model"]["accuracy"] == 1


@pytest.mark.parametrize("together", [False, True])
def test_other_camera_corrects_the_timeline(session, together):
    table = artifacts.read_parquet(session / "C1.parquet")[0]
    manifest = pa.table(
        {
            **{name: table[name] for name in ("recording", "subject", "session", "camera")},
            **{"frame": table["frame"], "seconds": table["seconds"], "label": table["true"]},
            **{"split": ["Training"] * 60, "path": [""] * 60},
        }
    )
    artifacts.write_parquet(session / "manifest.parquet", manifest)
    rows = [(number, label, label) for number, label in enumerate(LABELS)]
    artifacts.write_csv(session / "labels.csv", ["index", "label", "folder"], rows)
    write_durations([], [], "all", session / "procedures.csv")
    other = {"probabilities": str(session / "C2.parquet"), "clap": f"frame {LATE + 1}"}
    write_timeline(
        session / "C1.parquet",
        session / "C1.index.parquet",
        session / "manifest.parquet",
        session / "labels.csv",
        session / "procedures.csv",
        {"decoder": "none", "median_seconds": 1.0, "review_seconds": 1.0},
        {"class_weights": "balanced", "teach_validation": False, "lend": False},
        load({}).section("annotations"),
        session / "out.parquet",
        session / "timeline.csv",
        session / "subtitles.srt",
        session / "review.csv",
        others=[other | {"index": str(session / "C2.index.parquet")}] if together else [],
        sync=load({}).section("sync"),
    )
    found = artifacts.read_parquet(session / "out.parquet")[0]["predicted"].to_pylist()
    assert found == (["A"] * 30 if together else ["B"] * 30) + ["B"] * 30


def test_clap_of_fused_cameras_is_heard_where_the_table_leaves_it_to_be_found(tmp_path):
    """Two cameras that were started 4 s apart; `auto` must not mean the first frame of each."""
    sync, found = load({}).section("sync"), {}
    for camera, beeps in (("C1", [7.3]), ("C2", [3.3]), ("C3", [2.3, 9.3])):
        folder = tmp_path / camera
        folder.mkdir()
        take = film_recording(folder, CAMERA, [60], beeps=[Fraction(str(beep)) for beep in beeps])
        files = [str(file) for file in take.chapters]
        write_index(f"S1{camera}", files, "video", "", folder / "i", folder / "a.json")
        found[camera] = RecordingIndex.read(folder / "i")
    claps = [heard_clap("auto", found[camera], sync) for camera in ("C1", "C2")]
    assert [float(clap) for clap in claps] == pytest.approx([7.3, 3.3], abs=0.003)
    with pytest.raises(InputError, match="unsure-clap"):
        heard_clap("auto", found["C3"], sync)


@pytest.mark.parametrize(
    ("clap", "seconds"),
    [("12.5", 12.5), ("frame 31", Fraction(1001, 1000)), ("auto", 0), ("auto 3", 3)],
)
def test_clap_of_the_table_in_seconds(clap, seconds):
    assert clap_seconds(clap, make_index([1001 * n for n in range(40)])) == seconds


def test_every_frame_of_the_grid_is_looked_at(tmp_path):
    make_index([1001 * n for n in range(40)], chapter=[1] * 25 + [2] * 15).write(tmp_path / "i")
    write_sample(tmp_path / "i", 10, tmp_path / "sample")
    table = artifacts.read_parquet(tmp_path / "sample")[0].to_pydict()
    assert table["frame"] == [1, 11, 21, 31]
    assert table["chapter"] == [1, 1, 1, 2]
    assert table["selected"] == [True] * 4
