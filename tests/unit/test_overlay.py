"""What the overlay of a recognised recording shows, and when: all of it, or the doubtful part."""

from fractions import Fraction

import av
import numpy as np
import pyarrow as pa
import pytest

from clapboard import artifacts
from clapboard.arrow import lists
from clapboard.evaluation.class_colours import colour
from clapboard.evaluation.overlay import STRIP, WIDTH
from clapboard.learning.showing import draw_overlay
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
