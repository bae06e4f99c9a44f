"""Damaged and odd video

A recording is filmed whose every frame carries its number, one of its two chapters is broken, and
the jobs from index to dataset run in a process of their own. Either they end with an error that
names the file, or every picture in the dataset shows the frame that the camera took at the time in
its row, under the label that the sheet has for that time, and what is not there is told of. Nothing
else is a pass.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import struct
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import simplejpeg

from tests.faults import video_jobs
from tests.faults.boxes import find, overwrite
from tests.faults.campaign import Case, Failed, shared
from tests.filming import Camera, film, read_number
from tests.workflow import project

TIME_LIMIT = 120
DONE = 0

FRAMES, GOP = (90, 60), 15
CAMERA = Camera(rate=Fraction(30000, 1001), gop=GOP)
# The larger the picture, the surer damage in it meets a code that cannot be.
LARGE = replace(CAMERA, size=(640, 480))
ACTS = [("A", "0", "1.5"), ("B", "1.5", "3"), ("A", "3", "3.75"), ("B", "3.75", "5.5")]

FILMS: Mapping[str, tuple[str, Camera]] = {
    "h264": (".mp4", replace(LARGE, options={"movflags": "faststart"})),
    "h264-cabac": (".mp4", replace(LARGE, b_frames=2, parameters="cabac=1", sound=True)),
    "hevc": (".mp4", replace(CAMERA, codec="hevc", b_frames=2)),
    "hevc-10": (".mp4", replace(CAMERA, codec="hevc", pixels="yuv420p10le", b_frames=2)),
    "mpeg4": (".mp4", replace(CAMERA, codec="mpeg4", options={"movflags": "faststart"})),
    "matroska": (".mkv", replace(LARGE, b_frames=2)),
    "fragmented": (".mp4", replace(LARGE, options={"movflags": "frag_keyframe+empty_moov"})),
    "avi": (".avi", replace(CAMERA, codec="mpeg4")),
    "mjpeg": (".mov", replace(CAMERA, codec="mjpeg")),
}
BLIND = {"hevc", "hevc-10", "mjpeg"}
"""Decoders of these notice little: only groups of pictures that have no changed byte are looked at
(docs/reliability.md)."""

CUTS, FLIPS = 50, 200
"""How many files are cut off, and how many have changed bytes."""

IN_TESTS = 20


def cases(chance: random.Random, count: int) -> list[Case]:
    """Files cut off, under both policies; changed bytes; and all that is in `ODD`."""
    found = []
    for number in range(CUTS):
        cut = {"film": chance.choice([*FILMS]), "share": chance.random(), "broken": number % 2}
        for policy in ("refuse", "skip"):
            values = {**cut, "policy": policy}
            found.append(Case(f"cut-{number}-{policy}", "cut off anywhere", values))
    for number in range(FLIPS):
        values = {
            "film": chance.choice([*FILMS]),
            "flips": chance.choice([1, 1, 4, 32]),
            "broken": number % 2,
            "policy": chance.choice(["refuse", "skip"]),
        }
        blind = values["film"] in BLIND
        kind = "bytes changed, HEVC and MJPEG (place and time only)" if blind else "bytes changed"
        found.append(Case(f"flip-{number}", kind, {**values, "seed": number}))
    for name, (expected, broken, _) in ODD.items():
        for policy in ("refuse", "skip"):
            values = {"odd": name, "policy": policy, "expected": expected, "broken": broken}
            values["film"] = ODD_FILMS.get(name, "h264")
            found.append(Case(f"{name}-{policy}", name.replace("-", " "), values))
    return found[:count]


def prepare(work: Path) -> None:
    """Film both chapters in every form."""
    for name, (suffix, camera) in FILMS.items():
        for chapter, (count, first) in enumerate(zip(FRAMES, (1, 1 + FRAMES[0]), strict=True)):
            file = work / f"{name}-{chapter}{suffix}"
            if not file.exists():
                film(file, camera, count, first)


def attempt(case: Case, folder: Path) -> None:
    """Break a chapter, run the jobs, and compare what came out with what the camera saw."""
    values, films = case.values, shared(folder)
    name = values["film"]
    suffix, camera = FILMS[name]
    chapters = [folder / f"{chapter}{suffix}" for chapter in (1, 2)]
    for number, chapter in enumerate(chapters):
        shutil.copy(films / f"{name}-{number}{suffix}", chapter)
    broken, spoilt = chapters[values["broken"]], set[int]()
    if "share" in values:
        broken.write_bytes(broken.read_bytes()[: int(broken.stat().st_size * values["share"])])
    elif "flips" in values:
        spoilt = flip(broken, values["flips"], random.Random(values["seed"]))
        spoilt = {frame + values["broken"] * FRAMES[0] for frame in spoilt}
    else:
        ODD[values["odd"]][2](broken, camera)
    sources = [chapter.read_bytes() for chapter in chapters]
    status, said = run(folder, [str(chapter) for chapter in chapters], values["policy"])
    if [chapter.read_bytes() for chapter in chapters] != sources:
        raise Failed("a source has been changed")
    expected = values.get("expected", "either")
    refused = values["policy"] == "refuse" if expected == "policy" else expected == "refused"
    if status == video_jobs.REFUSED:
        if broken.name not in said:
            raise Failed(f"the error does not name {broken.name}: {said}")
        if expected != "either" and not refused:
            raise Failed(f"refused: {said}")
    elif status != DONE:
        raise Failed(f"exit status {status}: {said}")
    elif refused:
        raise Failed("it was not refused")
    else:
        check(folder, name in BLIND and "flips" in values, spoilt, values.get("odd", ""))


def run(folder: Path, chapters: list[str], policy: str) -> tuple[int, str]:
    """Run the jobs; exit status and the end of what was said."""
    (folder / "job.json").write_text(json.dumps({"chapters": chapters, "policy": policy}))
    rows = [("label", "start_seconds", "stop_seconds"), *ACTS]
    (folder / "sheet.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    # A process of its own for each case, which a crash takes down alone.
    jobs = project.SERVER.Process(target=video_jobs.main, args=(folder,))
    jobs.start()
    jobs.join(TIME_LIMIT)
    if jobs.is_alive():
        jobs.kill()
        raise Failed(f"still running after {TIME_LIMIT} s")
    return jobs.exitcode or 0, (folder / "said").read_text(errors="replace")[-4000:]


def check(folder: Path, blind: bool, spoilt: Set[int], odd: str) -> None:
    """Every picture is of the right frame and label; what is missing is told of."""
    rows = pq.read_table(folder / "Data" / "manifest.parquet").to_pylist()
    if not rows:
        raise Failed("an empty dataset passes as a success")
    for row in rows:
        picture = simplejpeg.decode_jpeg((folder / "Data" / row["path"]).read_bytes(), "GRAY")
        turned = odd == "turned-by-metadata" and row["frame"] <= FRAMES[0]
        grey = np.rot90(picture[:, :, 0], int(turned))
        if blind and any(
            frame // GOP == round(row["seconds"] * CAMERA.rate) // GOP for frame in spoilt
        ):
            continue
        try:
            number = read_number(grey)
        except ValueError as error:
            raise Failed(f"frame {row['frame']} is spoilt, and nobody says so: {error}") from error
        time = (number - 1) / CAMERA.rate
        if abs(time - Fraction(row["seconds"])) * CAMERA.rate > Fraction(1, 2):
            raise Failed(f"{row['path']} shows frame {number}, its time is {row['seconds']}")
        label = next(act for act, start, stop in ACTS if Fraction(start) <= time < Fraction(stop))
        if label != row["label"]:
            raise Failed(f"frame {number} is {label}, its row says {row['label']}")
    if len(rows) < (FRAMES[0] + 1 if odd == "one-frame" else sum(FRAMES)):
        warnings = json.loads((folder / "audit.json").read_text())["warnings"]
        with (folder / "damaged.csv").open(newline="") as file:
            if not warnings and not list(csv.DictReader(file)):
                raise Failed(f"{len(rows)} frames of {sum(FRAMES)}, and nobody says why")


def flip(file: Path, flips: int, chance: random.Random) -> set[int]:
    """Change bytes anywhere in a file.

    Returns:
        The frames of this chapter, from 0, whose data were changed.
    """
    data = bytearray(file.read_bytes())
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        packets = [
            (p.pos, p.size, p.pts * stream.time_base) for p in container.demux(stream) if p.size
        ]
    changed = set()
    for _ in range(flips):
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        changed |= {
            round((time - packets[0][2]) * CAMERA.rate)
            for pos, size, time in packets
            if pos <= place < pos + size
        }
    file.write_bytes(data)
    return changed


# -- oddities: what is expected (right, refused, policy: refused or right as the policy says,
# -- either), which chapter, what is done to it


def _edit(change: Callable[[bytearray], None]) -> Callable[[Path, Camera], None]:
    """A change of a file's bytes."""

    def edit(file: Path, camera: Camera) -> None:
        data = bytearray(file.read_bytes())
        change(data)
        file.write_bytes(data)

    return edit


def _again(**fields: Any) -> Callable[[Path, Camera], None]:
    """The chapter filmed by another camera."""

    def again(file: Path, camera: Camera) -> None:
        film(file, replace(LARGE, **fields), FRAMES[0])

    return again


def _no_moov(data: bytearray) -> None:
    ((start, end),) = find(data, b"moov")
    del data[start:end]


def _ten_hours(data: bytearray) -> None:
    """Durations of ten hours in all headers, of the frames there are."""
    for box, place in ((b"mvhd", 24), (b"mdhd", 24)):
        ((start, _),) = find(data, box)
        (scale,) = struct.unpack_from(">I", data, start + place - 4)
        overwrite(data, box, place, struct.pack(">I", 36_000 * scale % 2**32))
    overwrite(data, b"tkhd", 28, struct.pack(">I", 36_000_000))


def _absurd_size(data: bytearray) -> None:
    """65535 x 65535 in the header of an MJPEG, and in that of each of its pictures."""
    place = data.find(b"\xff\xc0\x00\x11")
    while place >= 0:
        data[place + 5 : place + 9] = b"\xff\xff\xff\xff"
        place = data.find(b"\xff\xc0\x00\x11", place + 1)
    ((start, _),) = find(data, b"stsd")
    data[start + 48 : start + 52] = b"\xff\xff\xff\xff"


def _turned(data: bytearray) -> None:
    """A display matrix that turns by 90 degrees."""
    matrix = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    overwrite(data, b"tkhd", 48, matrix)


def _zeros(data: bytearray) -> None:
    """A stretch of zeros as a broken sector leaves it, in the picture data."""
    ((start, end),) = find(data, b"mdat")
    middle = (start + end) // 2
    data[middle : middle + 4096] = bytes(4096)


def _all_zeros(data: bytearray) -> None:
    ((start, end),) = find(data, b"mdat")
    data[start + 8 : end] = bytes(end - start - 8)


def _slow_clock(data: bytearray) -> None:
    """Each frame lasts longer by a tick than it did, so that the tables contradict the header."""
    ((start, _),) = find(data, b"stts")
    (delta,) = struct.unpack_from(">I", data, start + 20)
    struct.pack_into(">I", data, start + 20, delta + 100)


def _mjpeg(file: Path, camera: Camera) -> None:
    film(file, replace(LARGE, codec="mjpeg"), FRAMES[0])
    _edit(_absurd_size)(file, camera)


def _text(file: Path, camera: Camera) -> None:
    file.write_text("label,start_seconds,stop_seconds\nA,0,1\n")


def _empty(file: Path, camera: Camera) -> None:
    file.write_bytes(b"")


def _sound_only(file: Path, camera: Camera) -> None:
    with av.open(str(file), "w") as container:
        sound = container.add_stream("aac", rate=48_000)
        for start in range(0, 48_000, 1024):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            block.sample_rate, block.pts = 48_000, start
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _one_frame(file: Path, camera: Camera) -> None:
    film(file, camera, 1, 1 + FRAMES[0])


def _as_filmed(file: Path, camera: Camera) -> None:
    """Nothing is wrong with it."""


def _no_frames(file: Path, camera: Camera) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *LARGE.size, "yuv420p"
        container.start_encoding()


def _two_streams(file: Path, camera: Camera) -> None:
    """The film beside a second track of other, smaller pictures."""
    source = file.with_name("source.mp4")
    file.rename(source)
    with av.open(str(source)) as given, av.open(str(file), "w") as container:
        first = container.add_stream_from_template(given.streams.video[0])
        second = container.add_stream("mpeg4", rate=10)
        second.width, second.height, second.pix_fmt = 64, 48, "yuv420p"
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = first
                container.mux(packet)
        for number in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 9 * number, np.uint8), "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(second.encode(picture))
        container.mux(second.encode(None))


ODD: Mapping[str, tuple[str, int, Callable[[Path, Camera], None]]] = {
    "moov-missing": ("refused", 0, _edit(_no_moov)),
    "empty-file": ("refused", 0, _empty),
    "text-as-mp4": ("refused", 0, _text),
    "sound-only": ("refused", 0, _sound_only),
    "no-frames": ("refused", 0, _no_frames),
    "one-frame": ("right", 1, _one_frame),
    "zeros-in-the-data": ("policy", 0, _edit(_zeros)),
    "all-data-zeros": ("refused", 0, _edit(_all_zeros)),
    "ten-hour-header": ("refused", 0, _edit(_ten_hours)),
    "ten-hour-header-at-the-end": ("refused", 1, _edit(_ten_hours)),
    "times-contradict-the-header": ("refused", 0, _edit(_slow_clock)),
    "absurd-size": ("refused", 0, _mjpeg),
    "two-video-streams": ("right", 0, _two_streams),
    "turned-by-metadata": ("right", 0, _edit(_turned)),
    "pixels-not-square": ("right", 0, _again(parameters="sar=4/3")),
    "ten-bits": ("right", 0, _again(pixels="yuv420p10le", codec="h264", b_frames=2)),
    "ten-bits-hevc": ("right", 0, _as_filmed),
    "interlaced": ("right", 0, _again(parameters="interlaced=1:tff=1")),
}

ODD_FILMS = {"ten-bits-hevc": "hevc-10"}

CASES = 2 * CUTS + FLIPS + 2 * len(ODD)
