"""The FFmpeg program: which one, and running a command line that ffmpeg-python has built."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

import ffmpeg
import imageio_ffmpeg

from clapboard.media import LOCAL_ONLY, local
from clapboard.problems import InputError, Problem

LIMIT_HOURS = 12
SHOWN_LINES = 15


class FfmpegError(RuntimeError):
    """FFmpeg ended with an error or took too long; the message holds its last lines."""


def ffmpeg_binary(setting: str) -> str:
    """The FFmpeg program that the key ``video.ffmpeg`` means.

    Args:
        setting: ``bundled`` (from the environment), ``system`` (on the PATH) or a path.

    Raises:
        InputError: there is no such program.
    """
    if setting == "bundled":
        found = shutil.which(imageio_ffmpeg.get_ffmpeg_exe())
    else:
        found = shutil.which("ffmpeg" if setting == "system" else setting)
    if found is None:
        raise InputError(
            [
                Problem(
                    "no-ffmpeg",
                    "There is no such FFmpeg program",
                    "Write bundled, system or the path of the program.",
                    file="config",
                    column="video.ffmpeg",
                    value=setting,
                )
            ]
        )
    return found


def local_input(
    path: str | os.PathLike[str], **options: str | int
) -> ffmpeg.nodes.FilterableStream:
    """A file as input of an FFmpeg command line, cut off from all protocols but files."""
    return ffmpeg.input(local(path), **LOCAL_ONLY, **options)


def run_ffmpeg(
    stream: ffmpeg.nodes.OutputStream, setting: str, seconds: float = LIMIT_HOURS * 3600
) -> None:
    """Run the command line that ffmpeg-python has built; its warnings go to standard error.

    Args:
        stream: an output of ffmpeg-python; an existing file is overwritten.
        setting: the key ``video.ffmpeg``.
        seconds: time limit.

    Raises:
        FfmpegError: it failed or exceeded the limit.
        InputError: there is no FFmpeg.
    """
    quiet = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning"]
    command = [ffmpeg_binary(setting), *quiet, *stream.get_args(overwrite_output=True)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise FfmpegError(f"FFmpeg took over {seconds:g} s: {shlex.join(command)}") from None
    lines = "\n".join(done.stderr.splitlines()[-SHOWN_LINES:])
    if done.returncode:
        raise FfmpegError(f"FFmpeg failed ({done.returncode}): {shlex.join(command)}\n{lines}")
    if lines:
        print(lines, file=sys.stderr)  # noqa: T201 - the job's log
