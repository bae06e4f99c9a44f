"""Cameras that filmed one session together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from clapboard.problems import Problem
from clapboard.sessions.recordings import Recording


def of_several_cameras(recordings: Iterable[Recording]) -> list[list[Recording]]:
    """The sessions that more than one camera filmed, each with its recordings."""
    sessions = defaultdict[tuple[str, str], list[Recording]](list)
    for recording in recordings:
        sessions[recording.subject, recording.session].append(recording)
    return [cameras for cameras in sessions.values() if len(cameras) > 1]


def predicted_without_clap(recordings: Sequence[Recording], table: str) -> list[Problem]:
    """Cameras that `prediction.fusion` cannot bring together: the table has no clap of theirs.

    Elsewhere an empty cell means the first frame; cameras that were started one after the other
    would be averaged at different moments, and nothing would show it.

    Args:
        recordings: all.
        table: the table of recordings, for messages.
    """
    predicted = (recording for recording in recordings if recording.split == "Predict")
    return [
        Problem(
            "unknown-clap",
            f"{recording.id} is recognised together with the other cameras of its session, and "
            "nothing says where their clap is seen in it",
            "Write its time (`12.5`, `frame 375`; `0` is the first frame; `auto` to have it heard) "
            "for every camera, or set prediction.fusion to false.",
            table,
            recording.row,
            "clap",
        )
        for cameras in of_several_cameras(predicted)
        for recording in cameras
        if not recording.clap_given
    ]
