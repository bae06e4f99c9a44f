"""Whether the cameras of a session that are measured together have a clap in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clapboard.annotations.clips import rows_of
from clapboard.annotations.placing import names_clips
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem
from clapboard.sessions.cameras import of_several_cameras
from clapboard.sessions.recordings import SPLITS, Recording


def unknown_claps(
    sheets: Mapping[str, Sheet], recordings: Sequence[Recording], protocol: str
) -> Iterator[Problem]:
    """Cameras that `evaluation.fusion` cannot bring together, since nobody says where the clap is.

    Labels of a wall-clock sheet, and of a sheet that the cameras share, are placed by it. Those
    that count from the start of clips, or of each camera's own video, are right without, and
    nothing but a CLAP row or the table of recordings says when one camera was started after the
    other.

    Args:
        sheets: those that could be read without an error, by path.
        recordings: the table of recordings.
        protocol: key ``evaluation.protocol``; only those who test are measured.
    """
    testing = SPLITS if protocol == "loso" else ("Test",)
    tested = [one for one in recordings if one.annotations and one.split in testing]
    for cameras in of_several_cameras(tested):
        shared = len({camera.annotations for camera in cameras}) == 1
        for camera in cameras:
            sheet = sheets.get(camera.annotations)
            if sheet is None or sheet.origin == "clap" or camera.clap_given:
                continue
            clips = names_clips(sheet)
            placed = shared and not clips
            if not placed and not rows_of(sheet, camera.chapters, camera.subject).claps:
                yield _unknown(camera, clips)


def _unknown(camera: Recording, clips: bool) -> Problem:
    """The error for a camera without a clap."""
    place = "the column clap of the recordings table"
    if clips:
        remedy = f"Write where it is seen into {place} (`0`: at the first frame)"
    else:
        remedy = f"Annotate the clap, or write `0` into {place} if it is at the first frame"
    return Problem(
        "unknown-clap",
        f"{camera.id} (row {camera.row} of the recordings table) is measured together with the "
        "other cameras of its session, and nothing says where their clap is seen in it",
        f"{remedy}, for every camera; or set evaluation.fusion to false.",
        camera.annotations,
        column="clap",
    )
