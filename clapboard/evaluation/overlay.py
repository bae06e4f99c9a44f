"""A video with what the model says below the picture: label, confidence, ribbon, cursor.

The strip below is drawn as one still per stretch of the timeline; FFmpeg joins the stills, stacks
them under the video and moves the cursor. No label ever stands in a command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import matplotlib
from PIL import Image, ImageDraw, ImageFont

from clapboard.artifacts import replacing, workshop
from clapboard.evaluation.class_colours import colour
from clapboard.video.ffmpeg_program import local_input, run_ffmpeg
from clapboard.video.media import local

WIDTH = 640
STRIP, RIBBON, MARGIN = 64, 20, 6
BACKGROUND, INK, QUIET = (24, 24, 24), (240, 240, 240), (90, 90, 90)
FONT_SIZE = 22
MICROSECONDS = 1_000_000
EARLY = 500
"""Microseconds by which a still comes before its first frame, so that no rounding makes it late."""
TICKS = 90_000
"""Of a second; a video's own times must not be rounded to its rate, which may vary."""
QUALITY = 26
"""x264's rate factor; the overlay is looked at, not learnt from."""


@dataclass(frozen=True)
class Stretch:
    """What the model says from `start` to `stop` (seconds of the video).

    Attributes:
        start: seconds.
        stop: seconds.
        label: shown as it is; "" for nothing.
        index: of the class, for the colour; -1 for nothing.
        confidence: mean probability of the label.
    """

    start: float
    stop: float
    label: str
    index: int
    confidence: float


def write_overlay(
    video: str | Path,
    stretches: Sequence[Stretch],
    start: float,
    stop: float,
    setting: str,
    output: str | Path,
) -> None:
    """Write the part of a video from `start` to `stop` with the timeline below.

    Args:
        video: file with the recording's own times.
        stretches: the timeline, without holes, from 0 to the end of the video.
        start: seconds.
        stop: seconds.
        setting: the key ``video.ffmpeg``.
        output: MP4 to write.

    Raises:
        clapboard.video.ffmpeg_program.FfmpegError: FFmpeg failed.
    """
    shown = [one for one in stretches if one.stop > start and one.start < stop]
    whole = max(stretches[-1].stop, stop) if stretches else stop
    with workshop(output) as folder:
        listing = _write_stills(shown, _ribbon(stretches, whole), start, stop, folder)
        stills = local_input(listing, format="concat", safe=0)  # else no options in the list
        picture = (
            local_input(video, ss=f"{start:.6f}", t=f"{stop - start:.6f}")
            .video.filter("scale", WIDTH, -2)
            .filter("pad", "iw", f"ih+{STRIP}", 0, 0, "black")
        )
        cursor = ffmpeg.input(f"color=white:size=2x{RIBBON + 6}", format="lavfi")
        position = f"{MARGIN}+{WIDTH - 2 * MARGIN}*(t+{start:.6f})/{whole:.6f}"
        picture = picture.overlay(stills.video, x=0, y=f"H-{STRIP}", eof_action="repeat")
        picture = picture.overlay(cursor, x=position, y=f"H-{RIBBON + MARGIN + 3}", shortest=1)
        with replacing(output) as temporary:
            coded = ffmpeg.output(
                picture,
                local(temporary),
                format="mp4",
                vcodec="libx264",
                pix_fmt="yuv420p",
                crf=QUALITY,
                preset="veryfast",
                movflags="+faststart",
                fps_mode="passthrough",  # no frame twice, none left out
                enc_time_base=f"1:{TICKS}",
                t=f"{stop - start:.6f}",
            )
            run_ffmpeg(coded, setting)


def _ribbon(stretches: Sequence[Stretch], whole: float) -> Image.Image:
    """The timeline of the whole video as a strip of colours."""
    width = WIDTH - 2 * MARGIN
    ribbon = Image.new("RGB", (width, RIBBON), QUIET)
    draw = ImageDraw.Draw(ribbon)
    for one in stretches:
        if one.index >= 0:
            left, right = (round(time / whole * width) for time in (one.start, one.stop))
            draw.rectangle((left, 0, max(right - 1, left), RIBBON), fill=_rgb(one.index))
    return ribbon


def _write_stills(
    shown: Sequence[Stretch], ribbon: Image.Image, start: float, stop: float, folder: Path
) -> Path:
    """One picture per stretch, and the list that says how long each stands."""
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(file), FONT_SIZE)
    lines = ["ffconcat version 1.0"]
    reached = 0
    # Else the times of stills are rounded to 1/25 s, and frames get the label of a neighbour.
    exact = f"option framerate {MICROSECONDS}"
    for number, one in enumerate(shown or [Stretch(start, stop, "", -1, 0.0)]):
        still = Image.new("RGB", (WIDTH, STRIP), BACKGROUND)
        draw = ImageDraw.Draw(still)
        if one.index >= 0:
            draw.rectangle((MARGIN, 10, MARGIN + 14, 24), fill=_rgb(one.index))
            draw.text((MARGIN + 22, 4), _fitted(one.label, font), INK, font)
            draw.text((WIDTH - 64, 4), f"{one.confidence:.0%}", INK, font)
        still.paste(ribbon, (MARGIN, STRIP - RIBBON - MARGIN))
        still.save(folder / f"{number:06d}.png")
        ticks = max(round((min(one.stop, stop) - start) * MICROSECONDS) - EARLY - reached, 1)
        reached += ticks
        lines += [f"file {number:06d}.png", exact, f"duration {ticks}us"]
    listing = folder / "stills.ffconcat"
    listing.write_text("\n".join(lines) + "\n")
    return listing


def _fitted(label: str, font: ImageFont.FreeTypeFont) -> str:
    """The label in one line, cut where the confidence begins."""
    text = "".join(char if char.isprintable() else " " for char in label)
    while text and font.getlength(text) > WIDTH - 110:
        text = text[:-2] + "…"
    return text


def _rgb(index: int) -> tuple[int, int, int]:
    red, green, blue = (round(channel * 255) for channel in colour(index))
    return red, green, blue
