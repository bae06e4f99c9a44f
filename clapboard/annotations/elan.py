"""ELAN annotation files (.eaf), read and written with pympi."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from pympi.Elan import Eaf

from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import replacing
from clapboard.problems import Problem


def read_elan(
    path: str | os.PathLike[str], settings: Mapping[str, Any]
) -> tuple[Sheet, list[Problem]]:
    """The independent tiers of an ELAN file; times count from the first frame of the video.

    The value of an annotation is its label; where it is empty, the name of its tier is, with a
    warning. Annotations of dependent tiers that refer to it are its comment, the participant of
    its tier is its subject. Rows are counted annotation by annotation as in the file.

    Args:
        path: the file. One that declares XML entities is refused, since they can be made to fill
            the memory or to read other files.
        settings: section `annotations` of the config.
    """
    file = str(path)
    try:
        defusedxml.ElementTree.fromstring(Path(path).read_bytes(), forbid_dtd=True)
        document = Eaf(file, suppress_version_warning=True)
    except OSError as error:
        reason = error.strerror or str(error)
        return Sheet(file, "video"), [
            Problem("unreadable-file", reason, "Check the path and its permissions.", file)
        ]
    except DefusedXmlException as error:
        message = f"the file declares XML entities or a document type ({type(error).__name__})"
        return Sheet(file, "video"), [
            Problem("unsafe-xml", message, "Open it in ELAN and save it again.", file)
        ]
    except (ParseError, LookupError, ValueError, TypeError, AttributeError) as error:
        message = f"this is no ELAN file that can be read ({type(error).__name__}: {error})"
        return Sheet(file, "video"), [
            Problem("undecodable-file", message, "Open it in ELAN and save it again.", file)
        ]
    annotations, problems = _entries(document, file, settings["aliases"])
    return Sheet(file, "video", tuple(annotations)), problems + _offset_problems(document, file)


def _entries(
    document: Eaf, file: str, aliases: Mapping[str, str]
) -> tuple[list[Annotation], list[Problem]]:
    """The annotations of all independent tiers."""
    comments = _comments(document)
    annotations, problems, row = [], list[Problem](), 0
    for tier, (aligned, _, attributes, _) in document.tiers.items():
        if "PARENT_REF" in attributes:
            continue
        unnamed = False
        for name, (start, stop, value, _) in aligned.items():
            row += 1
            times = (document.timeslots.get(start), document.timeslots.get(stop))
            written = value.strip() or tier
            unnamed = unnamed or not value.strip()
            if None in times:
                problems.append(_unaligned(written, file, row, tier))
                continue
            annotations.append(
                Annotation(
                    resolve(written, aliases),
                    Fraction(times[0], 1000),
                    Fraction(times[1], 1000),
                    row,
                    written,
                    comments.get(name, ""),
                    attributes.get("PARTICIPANT", ""),
                )
            )
        if unnamed:
            problems.append(_label_from_tier(file, tier))
    return annotations, problems


def _comments(document: Eaf) -> dict[str, str]:
    """What annotations of dependent tiers say about the annotation they refer to, by its id."""
    comments: dict[str, list[str]] = {}
    for _, referring, _, _ in document.tiers.values():
        for parent, value, _, _ in referring.values():
            if value:
                comments.setdefault(parent, []).append(value)
    return {parent: "; ".join(values) for parent, values in comments.items()}


def _unaligned(written: str, file: str, row: int, tier: str) -> Problem:
    """The error for an annotation whose times ELAN has not fixed."""
    return Problem(
        "missing-time",
        f"{written!r} is not aligned to a time",
        "Set its begin and end in ELAN.",
        file,
        row,
        tier,
    )


def _label_from_tier(file: str, tier: str) -> Problem:
    """The warning for a tier with annotations that say nothing."""
    return Problem(
        "label-from-tier",
        "annotations without a value get the name of their tier as label",
        "Give them values in ELAN if that is not meant.",
        file,
        column=tier,
        severity="warning",
    )


def _offset_problems(document: Eaf, file: str) -> list[Problem]:
    """A warning for each media file that ELAN plays shifted against the annotations."""
    return [
        Problem(
            "media-offset",
            "ELAN plays this file with an offset, and times are taken as they stand",
            "Set the offset to 0 in ELAN, or make up for it in the recordings table.",
            file,
            column=descriptor.get("MEDIA_URL", ""),
            value=descriptor["TIME_ORIGIN"],
            severity="warning",
        )
        for descriptor in document.media_descriptors
        if descriptor.get("TIME_ORIGIN", "0").strip("0")
    ]


def write_elan(sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write an ELAN file: a tier for each subject, comments on a tier that depends on it.

    Annotations of one tier cannot overlap in ELAN; those that would go to further tiers. Characters
    that XML cannot hold become U+FFFD.

    Args:
        sheet: times in whole milliseconds from 0, none without length.
        path: file to write.
        settings: section `annotations` of the config.
    """
    document = Eaf(author="Clapboard")
    document.remove_tier("default")
    document.add_linguistic_type("comment", "Symbolic_Association", timealignable=False)
    for number, lane in enumerate(_lanes(sheet.in_order()), start=1):
        subject = _xml(lane[0].subject)
        tier = f"{subject or 'annotations'} {number}"
        document.add_tier(tier, part=subject)
        document.add_tier(f"{tier} comments", "comment", parent=tier)
        aligned, comments = document.tiers[tier][0], document.tiers[f"{tier} comments"][1]
        for entry in lane:
            times = (int(time * 1000) for time in (entry.start, entry.stop))
            document.add_annotation(tier, *times, value=_xml(entry.label))
            if entry.comment:
                name = document.generate_annotation_id()
                document.annotations[name] = f"{tier} comments"
                comments[name] = (list(aligned)[-1], _xml(entry.comment), None, None)
    with replacing(path) as temporary:
        document.to_file(temporary)


def _lanes(entries: Sequence[Annotation]) -> list[list[Annotation]]:
    """The annotations in as few rows as keep those of a row apart, one subject in each."""
    lanes: list[list[Annotation]] = []
    for entry in sorted(entries, key=lambda entry: (entry.subject, entry.start, entry.row)):
        for lane in lanes:
            if lane[0].subject == entry.subject and lane[-1].stop <= entry.start:
                lane.append(entry)
                break
        else:
            lanes.append([entry])
    return lanes


def _xml(text: str) -> str:
    """Text that XML 1.0 can hold (its production Char)."""
    return "".join(
        char
        if char in "\t\n"
        or " " <= char <= "\ud7ff"
        or "\ue000" <= char <= "\ufffd"
        or char > "\uffff"
        else "\ufffd"
        for char in text.replace("\r\n", "\n").replace("\r", "\n")
    )
