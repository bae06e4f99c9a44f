"""Label Studio exports (JSON and JSON-MIN) of timeline labels, or of labels on the audio track.

Form after the documentation of the TimelineLabels tag (labelstud.io/tags/timelinelabels) and its
model in label-studio-sdk. A range is in frames, the first frame is 1 and the end belongs to the
range (as label-studio-ml-backend reads it). The program counts frames by a rate that the project
sets, 24 unless told otherwise, and does not export it: the config has to say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from clapboard.annotations.cells import missing_rate, unreadable_time
from clapboard.annotations.clips import clip_of_url
from clapboard.annotations.json_files import objects, texts
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import parse_duration, parse_rate
from clapboard.problems import Problem

REMEDY = "Export the annotations from Label Studio again, as JSON."


@dataclass(frozen=True)
class _Range:
    """One range of one region: number in the file, labels, ends as written, in frames or not."""

    row: int
    labels: tuple[str, ...]
    start: str
    end: str
    frames: bool
    comment: str
    clip: str


def is_label_studio(value: Any) -> bool:
    """Whether a JSON value is an export: a list of tasks with annotations or timeline labels."""
    return isinstance(value, list) and any(
        "annotations" in task or "completions" in task or _minimal_regions(task)
        for task in objects(value)
    )


def read_label_studio(
    value: Any, file: str, settings: Mapping[str, Any]
) -> tuple[Sheet, list[Problem]]:
    """The annotations of an export; times count from the first frame of the video or clip.

    Rows are counted range by range as in the file. Cancelled annotations and predictions are left
    out. An export of several tasks speaks of clips.

    Args:
        value: the parsed file, numbers as text.
        file: its name.
        settings: section `annotations` of the config.
    """
    ranges, problems = _ranges(value, file)
    rate = parse_rate(settings["rate"]) if settings["rate"] else None
    annotations = []
    for entry in ranges:
        if entry.frames and rate is None:
            problems.append(missing_rate(file))
            continue
        try:
            start, stop = parse_duration(entry.start), parse_duration(entry.end)
        except ValueError as error:
            text = f"{entry.start} to {entry.end}"
            problems.append(unreadable_time(error, REMEDY, file, entry.row, "ranges", text))
            continue
        if entry.frames and rate is not None:
            start, stop = (start - 1) / rate, stop / rate
        annotations += _annotations(entry, start, stop, settings["aliases"])
    return Sheet(file, "video", tuple(annotations)), list(dict.fromkeys(problems))


def _annotations(
    entry: _Range, start: Fraction, stop: Fraction, aliases: Mapping[str, str]
) -> list[Annotation]:
    """One annotation for each label of a range."""
    return [
        Annotation(
            resolve(written, aliases),
            start,
            stop,
            entry.row,
            written,
            entry.comment,
            clip=entry.clip,
        )
        for written in entry.labels
    ]


def _ranges(value: Any, file: str) -> tuple[list[_Range], list[Problem]]:
    """All ranges of all tasks, numbered."""
    ranges, problems, row = [], list[Problem](), 0
    tasks = list(objects(value))
    for task in tasks:
        regions, found = _regions(task, file)
        problems += found
        for kind, region, comment in regions:
            clip = _clip(task) if len(tasks) > 1 else ""
            for start, end in _ends(region):
                row += 1
                labels = tuple(texts(region.get(kind)))
                frames = "ranges" in region
                ranges.append(_Range(row, labels, str(start), str(end), frames, comment, clip))
    return ranges, problems


def _ends(region: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Start and end of each range of a region: frames of a timeline, or seconds of sound."""
    if "ranges" in region:
        yield from ((part.get("start"), part.get("end")) for part in objects(region["ranges"]))
    elif "start" in region and "end" in region:
        yield region["start"], region["end"]


def _regions(
    task: Mapping[str, Any], file: str
) -> tuple[list[tuple[str, dict[str, Any], str]], list[Problem]]:
    """(key of the labels, region, comment) of a task."""
    if "annotations" not in task and "completions" not in task:
        return [("timelinelabels", region, "") for region in _minimal_regions(task)], []
    done = [
        annotation
        for annotation in objects(task.get("annotations", task.get("completions")))
        if annotation.get("was_cancelled") is not True and list(objects(annotation.get("result")))
    ]
    chosen = [annotation for annotation in done if annotation.get("ground_truth") is True] or done
    if len(chosen) > 1:
        problem = Problem(
            "several-annotators",
            f"task {task.get('id', '?')} has {len(chosen)} annotations",
            "Mark the right one as ground truth in Label Studio, or delete the others.",
            file,
        )
        return [], [problem]
    regions = []
    for result in (entry for annotation in chosen for entry in objects(annotation["result"])):
        kind, region = result.get("type"), result.get("value")
        if kind in ("timelinelabels", "labels") and isinstance(region, dict):
            meta = result.get("meta")
            note = texts(meta.get("text")) if isinstance(meta, dict) else []
            regions.append((kind, region, "; ".join(note)))
    return regions, []


def _minimal_regions(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The regions of a task in JSON-MIN, where they stand under the name of their tag."""
    return [
        region
        for value in task.values()
        if isinstance(value, list)
        for region in objects(value)
        if "timelinelabels" in region
    ]


def _clip(task: Mapping[str, Any]) -> str:
    """File name of the media of a task."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    names = ["video", "video_url", "url", "audio", *data]
    links = [data[name] for name in names if isinstance(data.get(name), str)]
    return next((name for link in links if "." in (name := clip_of_url(link))), "")
