"""The jobs from index to dataset on one recording, for processes that may crash.

A folder has `job.json` (chapters, policy) and `sheet.csv`; exit status 3 means refused.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from clapboard.checks.inputs import look_at_chapters
from clapboard.dataset.damages import write_damages
from clapboard.dataset.tree import write_dataset
from clapboard.labels.framecsv import write_framecsv
from clapboard.labels.labelling import write_labels
from clapboard.pictures.frames import write_frames
from clapboard.problems import InputError, refuse
from clapboard.sessions.recordings import Recording, chapter_name
from clapboard.settings.config import load
from clapboard.video.concatenation import write_video
from clapboard.video.indexing import write_index

ID = "S1C1"
REFUSED = 3


def run(folder: Path) -> None:
    """Make index, labels, pictures, dataset and joined video in `folder`.

    Raises:
        InputError: the input is refused.
    """
    job = json.loads((folder / "job.json").read_text())
    settings = load({"frames": {"size": 96}, "video": {"damaged": job["policy"]}})
    frames = settings.section("frames") | settings.section("video")
    annotations, sheet = settings.section("annotations"), folder / "sheet.csv"
    chapters = tuple(job["chapters"])
    recording = Recording(ID, "S1", "", "C1", "Training", str(sheet), chapters, "video", "0", "", 2)
    refuse(look_at_chapters(recording)[1])
    index, framecsv, labels = (
        folder / name for name in ("index.parquet", "frames.csv", "labels.parquet")
    )
    write_index(ID, chapters, "video", "", index, folder / "audit.json", job["policy"])
    procedures = str(folder / "procedures")
    write_framecsv(str(sheet), str(index), "0", annotations, str(framecsv), procedures)
    write_labels(framecsv, index, annotations, frames, labels)
    manifests = []
    for number, chapter in enumerate(chapters, start=1):
        store = folder / "resized" / ID / chapter_name(number)
        manifests.append(str(store / "manifest.parquet"))
        write_frames(ID, number, chapter, "video", index, labels, frames, manifests[-1], threads=2)
    who = {"id": ID, "subject": "S1", "session": "", "camera": "C1", "split": "Training"}
    write_dataset(
        [who],
        {ID: str(labels)},
        {ID: manifests},
        "refuse",
        folder / "Data",
    )
    write_damages([who], {ID: str(labels)}, {ID: manifests}, folder / "damaged.csv")
    try:
        write_video(chapters, index, settings.section("video"), folder / "joined.mp4")
    except InputError as error:
        if not any(chapter in str(error) for chapter in chapters):
            raise RuntimeError("the error names no chapter") from error


def main(folder: Path) -> None:
    """Run the jobs and end the process; what they say goes to the file `said`."""
    with (folder / "said").open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        run(folder)
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(REFUSED)
