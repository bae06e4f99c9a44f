"""Clapboard's way from chapters and a sheet to the labelled set: the jobs of the workflow.

One process runs them one after the other, chapters in parallel as ``snakemake --cores all`` does.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from clapboard.dataset.tree import write_dataset
from clapboard.labels.framecsv import write_framecsv
from clapboard.labels.labelling import write_labels
from clapboard.pictures.frames import write_frames
from clapboard.video.indexing import write_index

RECORDING = {"id": "S1C2", "subject": "S1", "session": "", "camera": "C2", "split": "Training"}


def label(chapters: list[str], sheet: str, folder: Path, settings: dict) -> None:
    """Index, frame ranges and labels."""
    index, ranges = folder / "index.parquet", folder / "framecsv.csv"
    if not index.exists():
        write_index("S1C2", chapters, "video", "", index, folder / "audit.json")
    annotations = settings["annotations"]
    write_framecsv(sheet, index, "0", annotations, ranges, folder / "procedures", "S1")
    write_labels(ranges, index, annotations, settings["frames"], folder / "labels.parquet")


def extract(number: int, source: str, folder: Path, settings: dict, threads: int) -> str:
    """The frames of one chapter; gives the manifest."""
    manifest = str(folder / f"resized/S1C2/{number:02d}/manifest.parquet")
    write_frames(
        "S1C2",
        number,
        source,
        "video",
        folder / "index.parquet",
        folder / "labels.parquet",
        settings,
        manifest,
        threads=threads,
    )
    return manifest


def labelled_set(chapters: list[str], sheet: str, folder: Path, settings: dict) -> None:
    """Everything from chapters to ``Data/``."""
    label(chapters, sheet, folder, settings)
    cores = len(os.sched_getaffinity(0))
    threads = max(1, cores // len(chapters))
    pixels = {**settings["frames"], "hwaccel": "none"}
    with ProcessPoolExecutor(cores) as pool:
        jobs = [
            pool.submit(extract, number, source, folder, pixels, threads)
            for number, source in enumerate(chapters, start=1)
        ]
        manifests = [job.result() for job in jobs]
    labels = {"S1C2": str(folder / "labels.parquet")}
    write_dataset([RECORDING], labels, {"S1C2": manifests}, "refuse", folder / "Data")


if __name__ == "__main__":
    sections, written, work, *files = sys.argv[1:]
    labelled_set(files, written, Path(work), json.loads(sections))
