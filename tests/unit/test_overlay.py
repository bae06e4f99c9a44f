"""What the overlay of a recognised recording shows, and when: all of it, or the doubtful part."""

import re
from fractions import Fraction

import av
import numpy as np
import pyarrow as pa
import pytest

from clapboard import artifacts
from clapboard.annotations.reading import read_sheet
from clapboard.arrow import lists
from clapboard.evaluation.class_colours import colour
from clapboard.evaluation.overlay import MARGIN, RIBBON, STRIP, WIDTH
from clapboard.learning.durations import COLUMNS
from clapboard.learning.showing import draw_overlay
from clapboard.learning.timeline import write_timeline
from clapboard.settings.config import load
from clapboard.video.indexing import write_index
from tests.filming import Camera, film, grid_times, read_number

CAMERA = Camera(
    rate=Fraction(30000, 1001), size=(64, 48), b_frames=2, time_base=Fraction(1, 90_000)
)
FRAMES = 120
DOUBTFUL = 2
"""The second of the recording of which the model is least sure."""
CLASSES = ("A", "B")
CHIP = 17, 13
"""Row below the picture, and column, at which the colour of the class is."""


@pytest.fixture(scope="module")
def recognised(tmp_path_factory):
    """A video of uneven rate, of which now A, now B is said; the times of its frames, and what."""
    folder = tmp_path_factory.mktemp("recognised")
    late = np.random.default_rng(0).integers(0, 800, FRAMES)
    late[0] = 0
    grid = grid_times(CAMERA, FRAMES, holes=[(30, 7)])
    taken = [time + Fraction(int(by), 30_000) for time, by in zip(grid, late, strict=True)]
    times = np.array(film(folder / "video.mp4", CAMERA, taken), float)
    write_index("S1C1", [str(folder / "video.mp4")], "video", "", folder / "i", folder / "a.json")
    numbers = np.arange(FRAMES)
    sure = np.where(times // 1 == DOUBTFUL, 0.55, 0.95)[:, None]
    said = numbers // 10 % 2
    right = np.arange(2) == said[:, None]
    table = pa.table(
        {
            "recording": ["S1C1"] * FRAMES,
            "frame": numbers + 1,
            "seconds": times,
            "predicted": np.array(CLASSES)[said],
            "probabilities": lists(np.where(right, sure, 1 - sure).astype(np.float32)),
        }
    )
    artifacts.write_parquet(folder / "predictions", table, {"classes": CLASSES})
    return folder, times, said


def shown(file):
    """Number, seconds and colour of the class of every frame of an overlay."""
    numbers, seconds, chips = [], [], []
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")
            height = len(picture) - STRIP
            assert picture.shape[1] == WIDTH
            numbers.append(read_number(picture[:height]))
            seconds.append(float(frame.pts * frame.time_base))
            chips.append(picture[height + CHIP[0], CHIP[1]] / 255)
    return np.array(numbers), np.array(seconds), np.array(chips)


def draw(folder, overlay):
    settings = load({"prediction": {"overlay": overlay, "review_seconds": 1}})
    inputs = (folder / name for name in ("video.mp4", "predictions", "i"))
    output = folder / f"{overlay}.mp4"
    draw_overlay(*inputs, settings.section("prediction"), "bundled", output)
    return shown(output)


@pytest.mark.parametrize("overlay", ["full", "clip"])
def test_overlay_has_all_its_frames_at_their_times_and_what_is_said_of_them(recognised, overlay):
    folder, times, said = recognised
    asked = times >= 0 if overlay == "full" else times // 1 == DOUBTFUL
    begin = 0 if overlay == "full" else DOUBTFUL
    numbers, seconds, chips = draw(folder, overlay)
    assert numbers.tolist() == (np.flatnonzero(asked) + 1).tolist()
    np.testing.assert_allclose(seconds, times[asked] - begin, atol=1e-3)
    colours = np.array([colour(0), colour(1)])
    nearest = np.abs(chips[:, None] - colours).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, said[asked])


LENGTH = 70
"""Seconds of a video of which a model was asked about a frame every five."""
SPARSE = Camera(rate=Fraction(4), size=(64, 48))
STEADY = {"decoder": "none", "overlay": "full", "review_seconds": 60}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sparse")
    film(folder / "video.mp4", SPARSE, int(LENGTH * SPARSE.rate))
    write_index("S1C1", [str(folder / "video.mp4")], "video", "", folder / "i", folder / "a.json")
    return folder


def written(folder, times):
    """What stands in sheet, subtitles and review of answers at these seconds, and in the ribbon."""
    count = len(times)
    table = pa.table(
        {
            "recording": ["S1C1"] * count,
            "frame": [int(time * SPARSE.rate) + 1 for time in times],
            "seconds": np.array(times, float),
            "predicted": ["B"] * count,
            "probabilities": lists(np.tile([0.1, 0.9], (count, 1)).astype(np.float32)),
        }
    )
    artifacts.write_parquet(folder / "answers", table, {"classes": CLASSES})
    artifacts.write_csv(folder / "procedures.csv", COLUMNS, [("", "B", 1, 30)])
    config = load({"prediction": STEADY})
    out = [folder / name for name in ("predictions", "timeline.csv", "s.srt", "review.csv")]
    write_timeline(
        *(folder / name for name in ("answers", "i", "none", "none", "procedures.csv")),
        config.section("prediction"),
        {"class_weights": "balanced", "teach_validation": False, "lend": False},
        config.section("annotations"),
        *out,
        sync=config.section("sync"),
    )
    rows, _ = read_sheet(out[1], config.section("annotations"))
    sheet = [(one.start, one.stop) for one in rows.annotations if one.label == "B"]
    lines = re.findall(r"(\S+) --> (\S+)", out[2].read_text())
    subtitles = [tuple(clock(time.replace(",", ".")) for time in line) for line in lines]
    review = [(float(row["start"]), float(row["stop"])) for row in artifacts.read_csv(out[3])]
    return sheet, subtitles, review, ribbon(folder)


def clock(text):
    """Seconds of a time of subtitles."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def ribbon(folder):
    """From when until when the ribbon of the whole recording has the colour of B."""
    settings = load({"prediction": STEADY}).section("prediction")
    inputs = (folder / name for name in ("video.mp4", "predictions", "i"))
    draw_overlay(*inputs, settings, "bundled", folder / "overlay.mp4")
    with av.open(str(folder / "overlay.mp4")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    line = picture[-MARGIN - RIBBON // 2, MARGIN : WIDTH - MARGIN] / 255
    near = np.abs(line - colour(1)).sum(axis=1) < 0.3
    edges = np.flatnonzero(np.diff(np.concatenate([[0], near, [0]])))
    return [tuple(ends) for ends in edges.reshape(-1, 2) * LENGTH / len(line)]


@pytest.mark.parametrize(
    ("times", "expected", "review"),
    [
        (range(0, 70, 5), [(0, 70)], {(0, 60), (60, 70)}),
        (range(0, 61, 5), [(0, 65)], {(0, 60), (60, 65)}),
        ([*range(0, 21, 5), *range(40, 66, 5)], [(0, 25), (40, 70)], {(0, 60), (60, 70)}),
        ([*range(0, 31, 5), 69], [(0, 35), (69, 70)], {(0, 35), (60, 70)}),
        (np.arange(0, 70, 0.25), [(0, 70)], {(0, 60), (60, 70)}),
    ],
)
def test_sheet_subtitles_review_and_overlay_agree_where_an_answer_ends(
    video, times, expected, review
):
    sheet, subtitles, reviewed, shown = written(video, times)
    assert sheet == subtitles == expected
    assert set(reviewed) == review
    # The cursor stands at the beginning.
    np.testing.assert_allclose(shown, expected, atol=0.3)
