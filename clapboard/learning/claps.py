"""Where the clap of a recording is that nobody has annotated."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard.clock import rounded_up, seconds_text
from clapboard.labels import framecsv
from clapboard.problems import refuse
from clapboard.timing.sync import find_clap
from clapboard.video.index import RecordingIndex, Times, read_times


def placed(
    index_file: str | Path, clap: str, sync: Mapping[str, Any] | None
) -> tuple[str, Fraction]:
    """The id of a recording and where its clap is, for other cameras too if `sync` is given.

    Only where it has to be heard the whole index is in memory, and no longer than that takes.

    Args:
        index_file: ``index/{recording}.parquet``.
        clap: as in the table of recordings.
        sync: section ``sync`` of the configuration, or None.

    Raises:
        InputError: as `clap_seconds` and `heard_clap`.
    """
    if sync is not None and clap.startswith("auto"):
        index = RecordingIndex.read(index_file)
        return index.recording, heard_clap(clap, index, sync)
    times = read_times(index_file)
    return times.recording, clap_seconds(clap, times)


def clap_seconds(clap: str, index: Times) -> Fraction:
    """Where the clap is, seconds of the recording.

    ``auto`` without a time means the first frame: without a sheet nothing says what to listen for.

    Args:
        clap: as in the table of recordings: ``12.5``, ``frame 375``, ``auto`` or ``auto 12.5``.
        index: of the recording.

    Raises:
        InputError: there is no such frame.
    """
    word, _, rest = clap.partition(" ")
    return framecsv.clap_seconds(rest if word == "auto" else clap, index)


def heard_clap(clap: str, index: RecordingIndex, sync: Mapping[str, Any]) -> Fraction:
    """Where the clap is that all cameras of a session have heard, seconds of the recording.

    Rounded up to what is printed: a sheet's times, cut down, are not after those of the frames that
    they are of, whether the table still says ``auto`` or has what is printed.

    With the first frame instead, the cameras would be averaged at different moments.

    Args:
        clap: ``auto`` or ``auto 12.5``, what the table leaves to be found.
        index: of the recording.
        sync: section ``sync`` of the configuration.

    Raises:
        InputError: no clap is heard for sure.
    """
    found, problems = find_clap(index, clap, sync)
    refuse(problems)
    time = rounded_up(found.time)
    seconds = seconds_text(time)
    print(f"{index.recording}: clap heard at {seconds} s", flush=True)  # noqa: T201 - the job's log
    return time
