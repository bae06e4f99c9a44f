"""VIA 3 (VGG Image Annotator) projects: the temporal segments of their timeline.

Form after the project files of VIA 3 and the notes that its CSV export carries (`_via_data.js`,
`_via_import_export.js`): `metadata` holds segments with `z` = [start, stop] in seconds and `av`,
the values of attributes; those of all but text attributes are keys of the attribute's options.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from clapboard.annotations.cells import missing_label, unreadable_time
from clapboard.annotations.clips import clip_of_url
from clapboard.annotations.columns import plain
from clapboard.annotations.intervals import LABEL_TITLES
from clapboard.annotations.json_files import objects
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import parse_duration
from clapboard.problems import Problem

REMEDY = "Save the project in VIA again."


def is_via(value: Any) -> bool:
    """Whether a JSON value is a project of VIA 3."""
    return isinstance(value, dict) and {"metadata", "attribute", "view"} <= value.keys()


def read_via(value: Any, file: str, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """The temporal segments of a project; times count from the first frame of the video or clip.

    Rows are counted segment by segment as in the file. A project of several files speaks of clips.

    Args:
        value: the parsed file, numbers as text.
        file: its name.
        settings: section `annotations` of the config.
    """
    segments = [
        segment
        for segment in objects(value["metadata"])
        if isinstance(segment.get("z"), list) and segment["z"] and not segment.get("xy")
    ]
    attribute, problems = _class_attribute(value, segments, file, settings)
    if attribute is None:
        return Sheet(file, "video"), problems
    options = _options(value["attribute"][attribute])
    annotations = []
    for row, segment in enumerate(segments, start=1):
        times, found = _times(segment["z"], file, row)
        problems += found
        written = _values(segment, attribute, options)
        if not written:
            problems.append(missing_label(file, row, "av"))
        annotations += [
            Annotation(
                resolve(label, settings["aliases"]), *times, row, label, clip=_clip(value, segment)
            )
            for label in written
            if times
        ]
    return Sheet(file, "video", tuple(annotations)), problems


def _class_attribute(
    value: Mapping[str, Any],
    segments: list[dict[str, Any]],
    file: str,
    settings: Mapping[str, Any],
) -> tuple[str | None, list[Problem]]:
    """The key of the attribute that holds the labels: the only one, or one with their title."""
    keys = {
        key for segment in segments if isinstance(segment.get("av"), dict) for key in segment["av"]
    }
    names = {
        key: str(attribute.get("aname", ""))
        for key, attribute in value["attribute"].items()
        if isinstance(attribute, dict) and key in keys
    }
    titles = [plain(title) for title in (*settings["columns"]["label"], *LABEL_TITLES)]
    fitting = [key for key, name in names.items() if plain(name) in titles]
    if len(names) == 1 or len(fitting) == 1:
        return (fitting or list(names))[0], []
    if not segments:
        return None, [Problem("empty-sheet", "the project has no segments", REMEDY, file)]
    problem = Problem(
        "unknown-header",
        "it is not clear which attribute of the segments is the label",
        "Name it in annotations.columns.label of the config.",
        file,
        value=", ".join(names.values()),
    )
    return None, [problem]


def _options(attribute: Mapping[str, Any]) -> dict[str, str]:
    """The options that values of an attribute are keys of; none for text."""
    options = attribute.get("options")
    if attribute.get("type") == "1" or not isinstance(options, dict):
        return {}
    return {key: str(name) for key, name in options.items()}


def _values(segment: Mapping[str, Any], attribute: str, options: Mapping[str, str]) -> list[str]:
    """The labels of a segment; a checkbox attribute can give several."""
    values = segment.get("av")
    text = str(values.get(attribute, "")).strip() if isinstance(values, dict) else ""
    keys = [key.strip() for key in text.split(",")] if options else [text]
    return [options.get(key, key) for key in keys if key]


def _times(
    written: list[Any], file: str, row: int
) -> tuple[tuple[Fraction, Fraction] | None, list[Problem]]:
    """Start and stop of a segment; those of a single frame are equal."""
    try:
        times = [parse_duration(str(time)) for time in written]
        return (times[0], times[-1]), []
    except ValueError as error:
        return None, [unreadable_time(error, REMEDY, file, row, "z", ", ".join(map(str, written)))]


def _clip(value: Mapping[str, Any], segment: Mapping[str, Any]) -> str:
    """Name of the media file of a segment in a project that has several."""
    files = value.get("file")
    if not isinstance(files, dict) or len(files) < 2:
        return ""
    view = value["view"].get(str(segment.get("vid")))
    ids = view.get("fid_list") if isinstance(view, dict) else None
    media = files.get(str(ids[0])) if isinstance(ids, list) and ids else None
    return clip_of_url(str(media.get("fname", ""))) if isinstance(media, dict) else ""
