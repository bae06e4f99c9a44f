"""What a decoded picture becomes: colour, range, shape and quality against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import simplejpeg

from clapboard.video.colour import Shrinker, from_planes, planes
from clapboard.video.pixels import PixelSettings, encode_jpeg, resize
from tests.exact import psnr, reference, to_yuv

CLIPS = Path(__file__).parents[3] / "shared/data/gmdcsa24"

SPACES = {"601": 6, "709": 1, "2020": 9, "unspecified": 2}
COLOURS = np.array([(200, 60, 40), (30, 160, 70), (50, 70, 190), (128, 128, 128), (235, 220, 30)])


def plain_picture(levels: np.ndarray, pixel_format: str, size=(640, 360)) -> av.VideoFrame:
    """A picture of one colour, given as Y, U and V."""
    picture = av.VideoFrame(*size, pixel_format)
    for plane, level in zip(picture.planes, levels, strict=True):
        plane.update(np.full(plane.buffer_size // level.itemsize, level).tobytes())
    return picture


def decoded(picture: av.VideoFrame, settings: PixelSettings, **kwargs) -> np.ndarray:
    jpeg = encode_jpeg(resize(picture, settings, **kwargs), settings.quality)
    return simplejpeg.decode_jpeg(jpeg, "RGB").astype(float)


@pytest.mark.parametrize(
    ("matrix", "full", "pixel_format", "tag", "size"),
    [
        ("601", False, "yuv420p", "601", (640, 360)),
        ("709", False, "yuv420p", "709", (640, 360)),
        ("709", True, "yuvj420p", "709", (640, 360)),
        ("709", True, "yuv420p", "709", (640, 360)),
        ("601", True, "yuvj422p", "601", (640, 360)),
        ("2020", False, "yuv420p10le", "2020", (640, 360)),
        ("709", False, "yuv420p", "unspecified", (1280, 720)),
        ("709", True, "yuvj420p", "unspecified", (1920, 1080)),
        ("601", False, "yuv420p", "unspecified", (720, 576)),
        ("601", True, "yuvj420p", "unspecified", (640, 480)),
    ],
)
def test_colours_survive(matrix, full, pixel_format, tag, size):
    bits = 10 if "10" in pixel_format else 8
    for colour in COLOURS:
        levels = to_yuv(colour[None], matrix, full, bits)[:, 0]
        picture = plain_picture(levels, pixel_format, size)
        picture.colorspace = SPACES[tag]
        if full and not pixel_format.startswith("yuvj"):
            picture.color_range = 2
        shown = decoded(picture, PixelSettings(size=32))
        assert np.abs(shown.mean(axis=(0, 1)) - colour).max() < 2.5
        assert shown.std(axis=(0, 1)).max() < 1


@pytest.mark.parametrize(
    ("tag", "red", "blue"),
    [(1, 0.2126, 0.0722), (4, 0.30, 0.11), (7, 0.212, 0.087), (9, 0.2627, 0.0593)],
)
@pytest.mark.parametrize("size", [(45, 31), (224, 224), (7, 3)])
def test_every_matrix_is_changed_to_the_level(tag, red, blue, size):
    """Against the definitions of ITU-R BT.709, FCC, SMPTE 240M and BT.2020, in real numbers."""

    def from_rgb(red, blue):
        luma = np.array([red, 1 - red - blue, blue])
        return np.stack(
            [
                luma,
                (np.array([0, 0, 1]) - luma) / (2 - 2 * blue),
                (np.array([1, 0, 0]) - luma) / (2 - 2 * red),
            ]
        )

    width, height = size
    levels = np.random.default_rng(1).integers(60, 190, (3, height, width))
    picture = from_planes(levels)
    picture.colorspace = tag
    found = np.stack(planes(Shrinker()(picture, width, height)))
    grey = np.array([0, 128, 128]).reshape(3, 1)
    exact = from_rgb(0.299, 0.114) @ np.linalg.inv(from_rgb(red, blue))
    exact = (exact @ (levels.reshape(3, -1) - grey) + grey).clip(0, 255).reshape(levels.shape)
    assert np.abs(found - exact).max() <= 1
    assert np.abs(found - exact).mean() < 0.3
    assert (picture.width, picture.height) == size
    assert np.array_equal(np.stack(planes(picture)), levels), "the source is left as it is"


def test_rgb_source_keeps_its_colours():
    for colour in COLOURS:
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), "rgb24")
        for source in (picture, picture.reformat(format="bgr0")):
            shown = decoded(source, PixelSettings(size=64))
            assert np.abs(shown.mean(axis=(0, 1)) - colour).max() < 2.5


def test_unknown_matrix_is_refused():
    picture = plain_picture(np.array([100, 128, 128], np.uint8), "yuv420p")
    picture.colorspace = 8
    with pytest.raises(ValueError, match="colour matrix 8"):
        resize(picture, PixelSettings())


@pytest.mark.parametrize("clip", ["Subject 1/ADL/10.mp4", "Subject 4/ADL/19.mp4"])
def test_default_quality_is_at_least_39_db_on_real_video(clip):
    if not (CLIPS / clip).exists():
        pytest.skip("needs ../shared/data/gmdcsa24")
    settings = PixelSettings()
    with av.open(str(CLIPS / clip)) as container:
        pictures = [p for i, p in enumerate(container.decode(video=0)) if i % 25 == 0]
    for picture in pictures:
        assert psnr(decoded(picture, settings), reference(picture, 224)) >= 39


def striped(width: int, height: int) -> av.VideoFrame:
    """White in the middle square, grey outside it, black corners of 1/8 of the height."""
    image = np.full((height, width, 3), 128, np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    image[top : top + side, left : left + side] = 255
    corner = height // 8
    image[:corner, :corner] = 0
    return av.VideoFrame.from_ndarray(image, "rgb24")


def test_stretch_fills_the_square_with_the_whole_picture():
    shown = decoded(striped(320, 160), PixelSettings(size=80, fit="stretch"))[:, :, 0]
    assert shown[40, 10] == pytest.approx(128, abs=3)
    assert shown[40, 40] == pytest.approx(255, abs=3)
    assert shown[2, 2] == pytest.approx(0, abs=8)


@pytest.mark.parametrize("size", [(320, 160), (160, 320), (330, 162)])
def test_crop_shows_only_the_middle_square(size):
    shown = decoded(striped(*size), PixelSettings(size=80, fit="crop"))[:, :, 0]
    assert shown[3:-3, 3:-3].min() > 245


def test_pad_adds_black_bars_above_and_below():
    shown = decoded(striped(320, 160), PixelSettings(size=80, fit="pad"))[:, :, 0]
    assert shown[:18].max() < 12
    assert shown[62:].max() < 12
    assert shown[40, 10] == pytest.approx(128, abs=6)
    assert shown[40, 40] == pytest.approx(255, abs=6)


def test_pad_adds_black_bars_left_and_right_of_a_tall_picture():
    shown = decoded(striped(160, 320), PixelSettings(size=80, fit="pad"))[:, :, 0]
    assert shown[:, :18].max() < 12
    assert shown[40, 40] == pytest.approx(255, abs=6)


def test_pixels_that_are_not_square_count_in_the_shape():
    wide = decoded(striped(160, 160), PixelSettings(size=80, fit="pad"), pixel_aspect=Fraction(2))
    assert wide[:18].max() < 12
    assert wide[40, 4, 0] > 240


@pytest.mark.parametrize("size", [16, 33, 224, 299])
@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_every_size_and_fit_gives_a_square_of_that_size(size, fit):
    assert decoded(striped(322, 182), PixelSettings(size, fit)).shape == (size, size, 3)


def test_turned_recording_is_upright(tmp_path):
    from ffmpeg import input as ffmpeg_input

    source, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 160, "yuv420p"
        image = np.zeros((160, 320, 3), np.uint8)
        image[:, :160] = 255  # the left half is bright
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    command = ffmpeg_input(str(source), display_rotation=90).output(str(turned), c="copy")
    command.run(cmd=binary, quiet=True)
    with av.open(str(turned)) as container:
        (picture,) = container.decode(video=0)
    assert picture.rotation == 90
    shown = decoded(picture, PixelSettings(size=80, fit="stretch"))[:, :, 0]
    assert shown[60:, 10:70].min() > 200  # turned left, what was on the left is below
    assert shown[:20, 10:70].max() < 60


def test_lower_scale_gives_larger_and_better_files():
    chance = np.random.default_rng(0)
    image = np.clip(chance.normal(128, 40, (90, 90, 3)), 0, 255).astype(np.uint8)
    picture = av.VideoFrame.from_ndarray(image, "rgb24")
    square = resize(picture, PixelSettings(size=90))
    files = [encode_jpeg(square, quality) for quality in (1, 2, 5, 31)]
    assert [len(f) for f in files] == sorted((len(f) for f in files), reverse=True)
    errors = [np.abs(simplejpeg.decode_jpeg(f, "RGB").astype(float) - image).mean() for f in files]
    assert errors == sorted(errors)
    assert files[1] == encode_jpeg(resize(picture, PixelSettings(size=90)), 2)
