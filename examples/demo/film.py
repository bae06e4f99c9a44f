"""Film the demo: five subjects, two cameras each, in the layout of a lab's own project.

usage: python examples/demo/film.py FOLDER

Writes FOLDER/videos (GoPro-named chapters, H.264 at 30000/1001 frames per second, AAC sound with a
beep at the clap), FOLDER/sheets (one per subject, wall-clock times) and FOLDER/config.
"""

from __future__ import annotations

import csv
import hashlib
import random
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import scene
from tqdm import tqdm

HERE = Path(__file__).parent
RATE = Fraction(30000, 1001)
SAMPLES = 48000
# Frames to a group of pictures; cameras cut chapters at a key frame.
GROUP = 15
CHAPTER = 24 * GROUP

SPLITS = {1: "Training", 2: "Training", 3: "Training", 4: "Validation", 5: "Test"}
PROCEDURES = [name for name in scene.ACTIONS if name != "clap"]
# Annotators mark the moment when the hands set out; what they go to is seen this much later.
REACH = Fraction(3, 10)
# How two of the annotators write a procedure; the config knows the alias.
WRITTEN = {(2, "BAGGING"): "bagging ", (3, "BAGGING"): "BVM"}


@dataclass(frozen=True)
class Act:
    """One row of a sheet: seconds count from the clap."""

    procedure: str
    start: Fraction
    stop: Fraction


@dataclass(frozen=True)
class Take:
    """One recording: what a camera saw of a subject."""

    subject: int
    camera: int
    acts: tuple[Act, ...]

    @property
    def clap(self) -> Fraction:
        """Where in the recording the clap is; the cameras are switched on one after the other."""
        return Fraction(7, 5) if self.camera == 1 else Fraction(57, 25) + Fraction(self.subject, 50)

    @property
    def frames(self) -> int:
        """How many frames it has: until a second after the last act."""
        return int((self.clap + self.acts[-1].stop + 1) * RATE)

    def files(self, folder: Path) -> list[Path]:
        """The chapters, named as a GoPro names them."""
        recording = 120 + 10 * self.subject + self.camera
        chapters = -(-self.frames // CHAPTER)
        place = folder / "videos" / f"S{self.subject}" / f"C{self.camera}"
        return [place / f"GH{number:02d}{recording:04d}.MP4" for number in range(1, chapters + 1)]


def plan(subject: int) -> tuple[Act, ...]:
    """What is done to a subject: every procedure once and one of them twice, in random order."""
    chance = random.Random(100 + subject)
    names = chance.sample(PROCEDURES, len(PROCEDURES))
    names.append(names[0])
    acts, now = [], Fraction(1)
    for name in names:
        stop = now + Fraction(chance.randrange(1_900_000, 3_100_000), 1_000_000)
        acts.append(Act(name, now, stop))
        now = stop + Fraction(chance.choice([0, 400_000, 700_000]), 1_000_000)
    return tuple(acts)


def pictures(take: Take) -> Iterator[av.VideoFrame]:
    """The frames of a recording; frame n is shown at n / RATE."""
    look = scene.Look.of(take.subject, take.camera)
    static = scene.background(look, f"S{take.subject} C{take.camera}")
    for number in range(take.frames):
        now = number / RATE - take.clap
        act = next((act for act in take.acts if act.start <= now < act.stop), None)
        if act and now >= act.start + REACH:
            image = scene.picture(static, look, act.procedure, float(now - act.start))
        else:
            image = scene.picture(static, look, "clap" if now < 0.4 else "", float(now))
        yield av.VideoFrame.from_image(image)


def sound(take: Take) -> np.ndarray:
    """The recording's sound, mono, float32: a quiet room and a beep of 0.1 s at the clap."""
    length = int(take.frames / RATE * SAMPLES)
    room = np.random.default_rng(take.subject).normal(0, 0.002, length)
    start = round(take.clap * SAMPLES)
    beep = np.sin(2 * np.pi * 1000 * np.arange(SAMPLES // 10) / SAMPLES)
    room[start : start + len(beep)] += 0.5 * beep
    return room.astype(np.float32)


def film(take: Take, folder: Path) -> str:
    """Write the chapters of one recording; returns its id."""
    frames, samples = pictures(take), sound(take)
    for chapter, path in enumerate(take.files(folder)):
        path.parent.mkdir(parents=True, exist_ok=True)
        first = chapter * CHAPTER
        last = min(first + CHAPTER, take.frames)
        with av.open(str(path), "w", container_options={"video_track_timescale": "30000"}) as file:
            video = file.add_stream(
                "libx264", rate=RATE, options={"preset": "veryfast", "crf": "21", "threads": "1"}
            )
            video.width, video.height, video.pix_fmt = scene.WIDTH, scene.HEIGHT, "yuv420p"
            video.gop_size, video.max_b_frames = GROUP, 2
            audio = file.add_stream("aac", rate=SAMPLES, layout="mono", bit_rate=64000)
            for number in range(last - first):
                frame = next(frames)
                frame.pts, frame.time_base = number, 1 / RATE
                file.mux(video.encode(frame))
            file.mux(video.encode(None))
            part = samples[int(first / RATE * SAMPLES) : int(last / RATE * SAMPLES)]
            for offset in range(0, len(part), 1024):
                block = av.AudioFrame.from_ndarray(
                    part[None, offset : offset + 1024], format="fltp", layout="mono"
                )
                block.sample_rate, block.pts, block.time_base = (
                    SAMPLES,
                    offset,
                    Fraction(1, SAMPLES),
                )
                file.mux(audio.encode(block))
            file.mux(audio.encode(None))
    return f"S{take.subject}C{take.camera}"


def write_sheet(subject: int, acts: tuple[Act, ...], path: Path) -> None:
    """The annotation sheet: a CLAP row, then wall-clock times of each procedure."""
    zero = datetime(2026, 3, 1 + subject, 9, 21, 58, 740439)

    def written(seconds: Fraction) -> str:
        moment = zero + timedelta(microseconds=int(seconds * 1_000_000))
        return moment.strftime("%Y-%m-%d %H:%M:%S:%f")

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["ignore", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time", "Comments"]
        )
        writer.writerow(["clap", "CLAP", written(Fraction(0)), written(Fraction(0)), ""])
        for row, act in enumerate(acts):
            label = WRITTEN.get((subject, act.procedure), act.procedure)
            comment = "again" if row == len(acts) - 1 else ""
            times = [written(act.start), written(act.stop)]
            writer.writerow([label.strip().capitalize(), label, *times, comment])


def write_table(takes: list[Take], folder: Path) -> None:
    """config/recordings.tsv and the demo's config.yaml."""
    rows = ["subject\tcamera\tsplit\tannotations\tvideos\tclap"]
    for take in takes:
        subject, camera = f"S{take.subject}", f"C{take.camera}"
        videos = take.files(folder)[0].parent.relative_to(folder).as_posix()
        rows.append(
            f"{subject}\t{camera}\t{SPLITS[take.subject]}\tsheets/{subject}.csv\t{videos}\t"
            f"{float(take.clap):.2f}"
        )
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "recordings.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shutil.copyfile(HERE / "config.yaml", folder / "config" / "config.yaml")


def main(folder: Path) -> None:
    """Film everything that is not there yet from this same script."""
    takes = [Take(subject, camera, plan(subject)) for subject in SPLITS for camera in (1, 2)]
    write_table(takes, folder)
    script = b"".join((HERE / name).read_bytes() for name in ("film.py", "scene.py"))
    stamp, state = folder / "filmed.txt", hashlib.sha256(script).hexdigest()
    wanted = [path for take in takes for path in take.files(folder)]
    if stamp.is_file() and stamp.read_text() == state and all(map(Path.is_file, wanted)):
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder / "videos", ignore_errors=True)
    for subject in SPLITS:
        write_sheet(subject, plan(subject), folder / "sheets" / f"S{subject}.csv")
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(film, take, folder) for take in takes]
        for job in tqdm(as_completed(jobs), "filming", len(jobs), unit="recording"):
            job.result()
    stamp.write_text(state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
