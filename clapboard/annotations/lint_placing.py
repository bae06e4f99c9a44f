"""Checks of how a sheet is placed on a recording: the column ``clap`` of the recordings table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from clapboard.annotations.placing import AT_FIRST_FRAME, names_clips
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem
from clapboard.sessions.recordings import Recording


def lint_clap(sheet: Sheet, part: Sheet, recording: Recording, alone: bool) -> list[Problem]:
    """A clap position that cannot mean anything.

    Where times count from the starts of clips it places no label; but of a session of several
    cameras it says what they show at the same time.

    Args:
        sheet: the whole sheet.
        part: its rows about the recording (`clapboard.annotations.clips.rows_of`).
        recording: where they are to be placed.
        alone: whether no other camera filmed its session.
    """
    if sheet.origin == "clap" or recording.clap == AT_FIRST_FRAME:
        return []
    if names_clips(sheet):
        if not alone:
            return []
        return [
            Problem(
                "needless-clap",
                f"{recording.id} has a clap position, no other camera filmed its session, and the "
                "times of this sheet count from the start of each clip",
                "Empty the cell in the column clap of the recordings table.",
                sheet.file,
                column="clap",
                value=recording.clap,
            )
        ]
    if recording.clap.startswith("auto") and not part.claps:
        return [
            Problem(
                "no-clap",
                f"the clap is to be heard in {recording.id}, and the sheet does not say when it "
                "was",
                "Annotate the clap, or write where the sheet's second zero is in this recording.",
                sheet.file,
                column="clap",
                value=recording.clap,
            )
        ]
    return []


def lint_cameras(sheets: Mapping[str, Sheet], recordings: Sequence[Recording]) -> list[Problem]:
    """Sheets that count from the first frame of one camera and do not fit all that share them."""
    sharing = defaultdict[tuple[str, str, str], list[Recording]](list)
    for recording in recordings:
        sheet = sheets.get(recording.annotations)
        if sheet is not None and sheet.origin == "video" and not names_clips(sheet):
            sharing[recording.annotations, recording.subject, recording.session].append(recording)
    problems = list[Problem]()
    for (file, *_), cameras in sharing.items():
        watched = [camera.id for camera in cameras if camera.clap == AT_FIRST_FRAME]
        others = [camera.id for camera in cameras if camera.clap != AT_FIRST_FRAME]
        if len(watched) > 1:
            problems.append(_unplaced(watched, file))
        elif not watched and not sheets[file].claps:
            problems.append(_nothing_to_place_by(others, file))
    return problems


def _unplaced(cameras: Sequence[str], file: str) -> Problem:
    """The error for cameras that all take the first frame of one for theirs."""
    return Problem(
        "unplaced-camera",
        f"{' and '.join(cameras)} share this sheet, whose times count from the first frame of one "
        "video, and nothing says where that is in the others",
        "For every camera but the annotated one, write where the sheet's first CLAP (if it has "
        "none, its second zero) is seen into the column clap; `frame 1` is the first frame.",
        file,
        column="clap",
        value=", ".join(cameras),
    )


def _nothing_to_place_by(cameras: Sequence[str], file: str) -> Problem:
    """The error for positions of a clap that the sheet does not have."""
    return Problem(
        "no-clap",
        f"{' and '.join(cameras)}: the recordings table says where the clap is seen, and the sheet "
        "does not say when it was",
        "Annotate the clap, or empty the column clap for the camera that was annotated.",
        file,
        column="clap",
        value=", ".join(cameras),
    )


def lint_sessions(sheets: Mapping[str, Sheet], recordings: Sequence[Recording]) -> list[Problem]:
    """Sessions of a subject that share a sheet: it holds the times of one of them at most."""
    sharing = defaultdict[tuple[str, str], dict[str, Recording]](dict)
    for recording in recordings:
        sheet = sheets.get(recording.annotations)
        if sheet is not None and not names_clips(sheet):
            sharing[sheet.file, recording.subject].setdefault(recording.session, recording)
    return [
        Problem(
            "shared-by-sessions",
            f"{' and '.join(one.id for one in sessions.values())} are different sessions of "
            f"{subject} and share this sheet, so that one would get the times of the other",
            "Write a sheet for each session, or name the clip of each row in a column `file`. For "
            "cameras of one session, give their rows the same session.",
            file,
            column="session",
            value=", ".join(
                f"{one.session or 'none'} (row {one.row} of the recordings table)"
                for one in sessions.values()
            ),
        )
        for (file, subject), sessions in sharing.items()
        if len(sessions) > 1
    ]
