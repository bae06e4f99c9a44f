"""`clapboard plan`: what is in the sheets, what sampling makes of it, and what that costs.

Frames are counted by the code that labels and samples them, on a sketch of each recording's index
(`clapboard.planning.sketch`); no video is read but its header and a moment to measure the decoder.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.labels import normalise
from clapboard.annotations.placing import of_recording
from clapboard.annotations.reading import read_sheet
from clapboard.labels import sampling
from clapboard.labels.framecsv import FrameRange, clap_seconds, frame_ranges
from clapboard.labels.labelling import FrameLabels, label_frames
from clapboard.planning.plan_picture import draw_counts
from clapboard.planning.plan_text import MEASURES, as_text
from clapboard.planning.price import Price, Speed, measure, price
from clapboard.planning.sketch import sketch_index
from clapboard.problems import refuse
from clapboard.sessions.clap import clap_estimate
from clapboard.sessions.project import add_config_argument, read_project
from clapboard.sessions.recordings import SPLITS, Recording
from clapboard.settings.config import Config
from clapboard.video.index import RecordingIndex

DATASET_SPLITS = SPLITS[:3]
COLUMNS = ("label", "split", "subject", *MEASURES)


@dataclass(frozen=True)
class Plan:
    """What a run will make.

    Attributes:
        table: one row for each label and subject, columns `COLUMNS`. Rows and seconds count a
            sheet once, however many cameras share it; frames are of all cameras.
        price: what it costs.
        threads: cores among which the work is shared.
        video_bytes: bytes of the joined videos; 0 when there will be none.
    """

    table: pd.DataFrame
    price: Price
    threads: int
    video_bytes: int = 0


@dataclass(frozen=True)
class _Outlook:
    """A recording with its sketched index and labels."""

    recording: Recording
    index: RecordingIndex
    ranges: list[FrameRange]
    labels: FrameLabels


def make_plan(config: Config, recordings: Sequence[Recording], threads: int) -> Plan:
    """Count what the annotated recordings of the dataset give.

    Where the configuration would refuse overlaps, they are counted for the earlier annotation.

    Args:
        config: the configuration.
        recordings: the table.
        threads: cores among which extraction will be shared.

    Raises:
        av.FFmpegError: a chapter is unreadable (`clapboard check` says it better).
    """
    chosen = [
        recording
        for recording in recordings
        if recording.annotations and recording.split in DATASET_SPLITS
    ]
    subjects = defaultdict[str, list[Recording]](list)
    for recording in chosen:
        subjects[recording.subject].append(recording)
    speeds = _Speeds(config)
    rows, total = list[tuple](), Price()
    with ThreadPoolExecutor(threads) as pool, tqdm(total=len(chosen), desc="plan") as progress:
        for members in subjects.values():
            outlooks = list(pool.map(partial(_look_ahead, config), members))
            frames: dict[str, int] = defaultdict(int)
            for outlook in outlooks:
                selected = _selected(outlook, outlooks, config)
                for code, label in enumerate(outlook.labels.labels):
                    frames[label] += int(np.count_nonzero(outlook.labels.codes[selected] == code))
                numbers = outlook.labels.frames[selected]
                speed = speeds.of(outlook)
                total += price(outlook.index, numbers, speed, config.frames.full_size)
                progress.update()
            rows += _rows(outlooks, frames, config)
    # As the rule `all` has it.
    joins = config.video.concatenate and not config.s3.results
    joined = [one for one in recordings if one.kind == "video" and joins]
    sizes = (Path(file).stat().st_size for one in joined for file in one.chapters)
    return Plan(pd.DataFrame(rows, columns=list(COLUMNS)), total, threads, sum(sizes))


class _Speeds:
    """Measured speeds, one for each kind of video."""

    def __init__(self, config: Config) -> None:
        self._frames = config.section("frames")
        self._known: dict[tuple[str, int, int], Speed] = {}

    def of(self, outlook: _Outlook) -> Speed:
        """The speed for videos like the first chapter of a recording."""
        chapter = outlook.index.chapters[0]
        kind = (chapter.codec, chapter.width, chapter.height)
        if kind not in self._known:
            self._known[kind] = measure(outlook.index, self._frames)
        return self._known[kind]


def _look_ahead(config: Config, recording: Recording) -> _Outlook:
    """Sketch one recording."""
    settings = config.section("annotations")
    index = sketch_index(recording)
    sheet, _ = read_sheet(recording.annotations, settings, recording.chapters)
    clap = clap_estimate(recording.clap, index.rate)
    start = clap_seconds("0" if clap.startswith("auto") else clap, index)
    sheet = of_recording(sheet, recording.chapters, recording.subject, recording.clap)
    ranges = frame_ranges(sheet, start, index.rate, index)
    overlaps = "first" if settings["overlaps"] == "refuse" else settings["overlaps"]
    labels = label_frames(ranges, index, overlaps, settings["background"], settings["ignore"])
    return _Outlook(recording, index, ranges, labels)


def _selected(outlook: _Outlook, outlooks: Sequence[_Outlook], config: Config) -> NDArray[np.bool_]:
    """Which labelled frames sampling keeps; `outlooks` are all recordings of the subject."""
    beside = [(other.labels, other.index) for other in outlooks if other is not outlook]
    return sampling.select(outlook.labels, outlook.index, config.section("frames"), beside)


def _rows(outlooks: Sequence[_Outlook], frames: Mapping[str, int], config: Config) -> list[tuple]:
    """The rows of one subject, as in `COLUMNS`."""
    ignored = {normalise(label) for label in config.annotations.ignore}
    entries = dict[tuple, FrameRange]()
    for outlook in outlooks:
        same = Counter[tuple]()
        for entry in outlook.ranges:
            place = (outlook.recording.annotations, entry.row, entry.procedure)
            same[place] += 1
            if not entry.mark and entry.procedure not in ignored:
                entries[(*place, same[place])] = entry
    rows, seconds = defaultdict[str, int](int), defaultdict[str, float](float)
    for entry in entries.values():
        rows[entry.procedure] += 1
        seconds[entry.procedure] += max(float(entry.stop - entry.start), 0.0)
    split, subject = outlooks[0].recording.split, outlooks[0].recording.subject
    return [
        (label, split, subject, rows[label], round(seconds[label], 3), frames.get(label, 0))
        for label in sorted({*rows, *frames})
    ]


def write_table(plan: Plan, path: str | os.PathLike[str]) -> None:
    """Write the plan's table as CSV, a row for each label and subject."""
    rows = plan.table.itertuples(index=False)
    artifacts.write_csv(path, COLUMNS, rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard plan`."""
    add_config_argument(parser)
    parser.add_argument("--table", help="also write label x subject to this CSV file")
    parser.add_argument("--picture", help="also draw label x subject as this PNG file")


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Print the plan; 1 when there is nothing to plan with."""
    project = read_project(arguments.configfile)
    refuse(project.problems)
    plan = make_plan(project.config, project.recordings, len(os.sched_getaffinity(0)))
    if plan.table.empty:
        say("no recording with a sheet is in Training, Validation or Test")
        return 1
    say(as_text(plan.table, plan.price, plan.threads, plan.video_bytes))
    if arguments.table:
        write_table(plan, arguments.table)
    if arguments.picture:
        draw_counts(plan.table, arguments.picture)
    return 0
