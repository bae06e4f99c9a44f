"""What every annotation format is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True)
class Annotation:
    """One interval (or instant) of a sheet.

    Attributes:
        label: normalised label, aliases applied.
        start: exact seconds from the sheet's origin, or from the start of `clip` when it is set.
        stop: as `start`; the annotation covers start <= t < stop.
        row: where it stands in its sheet: line of a CSV, row of a spreadsheet, number of the
            entry (from 1) in formats without lines.
        written: the label as written.
        comment: the annotator's remark.
        subject: whom the sheet says it is about; empty in sheets of one subject.
        clip: the media file that `start` and `stop` count from; empty when they count from the
            sheet's origin.
        whole: the annotation covers its whole clip, however long; `start` and `stop` are 0.
    """

    label: str
    start: Fraction
    stop: Fraction
    row: int
    written: str
    comment: str = ""
    subject: str = ""
    clip: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Sheet:
    """All annotations of one file, in the order in which they stand there.

    Attributes:
        file: the path as the user wrote it.
        origin: what zero seconds is: the first clap (sheets in wall-clock time) or the first frame
            of the video (sheets from media players).
        annotations: everything that is not a clap.
        claps: the sync events; the first one of an origin ``clap`` sheet starts at zero, later
            ones are marks.
        zero: wall-clock time of second zero; None when the sheet has no wall clock.
        subject_zeros: where a wall-clock sheet names subjects, seconds at which the first clap of
            each is, by normalised name. `clapboard.annotations.placing.of_recording` counts from
            there.
        strangers: clips that are no chapter and whose rows were left out, with the first of these.
        tab: the tab of a workbook that was read.
        tabs_left: other visible tabs that hold rows under a known header and were not read.
    """

    file: str
    origin: Literal["clap", "video"]
    annotations: tuple[Annotation, ...] = ()
    claps: tuple[Annotation, ...] = ()
    zero: datetime | None = None
    subject_zeros: Mapping[str, Fraction] = field(default_factory=dict)
    strangers: Mapping[str, int] = field(default_factory=dict)
    tab: str = ""
    tabs_left: tuple[str, ...] = ()

    def in_order(self) -> tuple[Annotation, ...]:
        """Annotations and claps together, as they stand in the file."""
        return tuple(sorted((*self.annotations, *self.claps), key=lambda entry: entry.row))


def split_claps(sheet: Sheet, clap: str) -> Sheet:
    """The sheet with the annotations labelled `clap` moved to its claps."""
    return replace(
        sheet,
        annotations=tuple(entry for entry in sheet.annotations if entry.label != clap),
        claps=tuple(entry for entry in sheet.annotations if entry.label == clap),
    )
