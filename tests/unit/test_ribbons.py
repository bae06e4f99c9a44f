"""Ribbons name what they can, show how much is wrong, and stay cheap where a model flickers."""

import time

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from clapboard.evaluation.class_colours import colour
from clapboard.evaluation.plots import VERMILLION
from clapboard.evaluation.ribbons import Ribbon, draw_ribbons, written

LABELS = [f"PROCEDURE {number}" for number in range(29)]


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def count(picture, rgb):
    """Pixels of exactly this colour."""
    return int((picture == np.round(np.array(rgb) * 255).astype(int)).all(axis=2).sum())


def ribbon(true, predicted, fps=30, breaks=()):
    true = np.asarray(true)
    return Ribbon("S1C1", np.arange(len(true)) / fps, true, np.asarray(predicted), breaks)


@pytest.mark.parametrize(
    ("room", "text"),
    [(30, "CHEST-TUBE PREP"), (15, "CHEST-TUBE PREP"), (14, "12"), (2, "12"), (1, ""), (0, "")],
)
def test_a_label_is_written_whole_or_as_its_number(room, text):
    assert written(12, "CHEST-TUBE PREP", room) == text


def test_a_dollar_is_no_formula():
    assert written(3, "$x_", 5) == r"\$x_"


def test_half_an_hour_of_flicker_is_drawn_in_seconds(tmp_path):
    random = np.random.default_rng(0)
    true = np.repeat(random.integers(0, 29, 60), 900)
    predicted = np.where(random.random(len(true)) < 0.15, random.integers(0, 29, len(true)), true)
    start = time.process_time()
    draw_ribbons([ribbon(true, predicted)], LABELS, tmp_path / "r.png")
    # 1 s; an artist for each of 21,320 segments took 25.
    assert time.process_time() - start < 8


@pytest.mark.parametrize("every", [2, 4, 10])
def test_shade_of_the_wrong_strip_is_the_share_of_wrong_frames(tmp_path, every):
    frames = np.arange(54_000)
    for name, wrong in (("all", frames >= 0), ("some", frames % every == 0)):
        draw_ribbons([ribbon(frames * 0, wrong * 1)], LABELS[:2], tmp_path / f"{name}.png")
    strip = (pixels(tmp_path / "all.png") == np.round(np.array(to_rgb(VERMILLION)) * 255)).all(2)
    # Vermillion has no blue, the ground all of it.
    shade = 1 - pixels(tmp_path / "some.png")[..., 2][strip].mean() / 255
    assert shade == pytest.approx(1 / every, abs=0.12)


def test_a_break_is_a_hole(tmp_path):
    true = np.zeros(600, np.int64)
    seconds = np.arange(600) / 30 + np.where(np.arange(600) >= 300, 20, 0)
    whole = Ribbon("S1C1", np.arange(600) / 30, true, true)
    holed = Ribbon("S1C1", seconds, true, true, (300,))
    areas = []
    for one in (whole, holed):
        draw_ribbons([one], LABELS, tmp_path / "r.png")
        areas.append(count(pixels(tmp_path / "r.png"), colour(0)))
    assert areas[1] / areas[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_hardly_any_frames(tmp_path, frames):
    draw_ribbons([ribbon([5] * frames, [7] * frames)], LABELS, tmp_path / "r.png")
    picture = pixels(tmp_path / "r.png")
    assert (count(picture, to_rgb(VERMILLION)) > 0) == (frames > 0)


def test_hostile_labels_are_drawn(tmp_path):
    labels = ["$x_", "a" * 300, "\\frac", "東京", ""]
    draw_ribbons([ribbon(np.arange(1000) // 200, np.zeros(1000))], labels, tmp_path / "r.png")
    assert [path.name for path in tmp_path.iterdir()] == ["r.png"]
