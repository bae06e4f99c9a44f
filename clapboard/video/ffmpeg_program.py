"""The FFmpeg program: which one, and running a command line that ffmpeg-python has built."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import ffmpeg
import imageio_ffmpeg
from tqdm import tqdm

from clapboard.problems import InputError, Problem
from clapboard.video.media import LOCAL_ONLY, local

LIMIT_HOURS = 12
SHOWN_LINES = 15
ANSWER_SECONDS = 60
REMEDY = "Write bundled, system or the path of the program."
OLDEST = (5, 1)
"""The release that overlays need: the first with ``-fps_mode``."""
RELEASE = re.compile(r"ffmpeg version n?(\d+)\.(\d+)")
"""Of a program that was built from a release; others say `git-...` or `N-...`."""


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
        message = "There is no such FFmpeg program"
        raise InputError([_unusable("no-ffmpeg", message, REMEDY, setting)])
    return found


def ffmpeg_problems(setting: str, overlays: bool = False) -> list[Problem]:
    """Why the program that the key ``video.ffmpeg`` means cannot be used; nothing when it can.

    Args:
        setting: the key.
        overlays: whether it has to draw some.
    """
    try:
        command = [ffmpeg_binary(setting), "-version"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS
        )
    except InputError as error:
        return list(error.problems)
    except (OSError, subprocess.TimeoutExpired) as error:
        answer = str(error)
    else:
        said = done.stdout.decode(errors="replace")
        if done.returncode == 0 and said.startswith("ffmpeg version"):
            return _too_old(setting, said) if overlays else []
        answer = f"exit status {done.returncode}"
    message = f"This program does not answer `-version` as FFmpeg does ({answer})"
    return [_unusable("no-ffmpeg", message, REMEDY, setting)]


def _too_old(setting: str, said: str) -> list[Problem]:
    """What is wrong with a program that says of itself which release it is."""
    release = RELEASE.match(said)
    if not release or (int(release[1]), int(release[2])) >= OLDEST:
        return []
    oldest = ".".join(map(str, OLDEST))
    message = f"FFmpeg {release[1]}.{release[2]} is too old: overlays need {oldest} or newer"
    return [_unusable("old-ffmpeg", message, "Write bundled, or the path of a newer one.", setting)]


def _unusable(check: str, message: str, remedy: str, setting: str) -> Problem:
    return Problem(check, message, remedy, file="config", column="video.ffmpeg", value=setting)


def local_input(
    path: str | os.PathLike[str], **options: str | int
) -> ffmpeg.nodes.FilterableStream:
    """A file as input of an FFmpeg command line, cut off from all protocols but files."""
    return ffmpeg.input(local(path), **LOCAL_ONLY, **options)


def run_ffmpeg(
    stream: ffmpeg.nodes.OutputStream,
    setting: str,
    seconds: float = LIMIT_HOURS * 3600,
    expected_bytes: int | None = None,
) -> None:
    """Run the command line that ffmpeg-python has built; its warnings go to standard error.

    Args:
        stream: an output of ffmpeg-python; an existing file is overwritten.
        setting: the key ``video.ffmpeg``.
        seconds: time limit.
        expected_bytes: about how large the output will be, to show progress.

    Raises:
        FfmpegError: it failed or exceeded the limit.
        OSError: its output is larger than files may be.
        InputError: there is no FFmpeg.
    """
    quiet = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning"]
    progress = ["-progress", "pipe:1", "-stats_period", "2"]
    arguments = [*quiet, *progress, *stream.get_args(overwrite_output=True)]
    command = [ffmpeg_binary(setting), *arguments]
    overdue = threading.Event()
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            process_group=0,
        ) as process,
        tqdm(total=expected_bytes, unit="B", unit_scale=True, disable=not expected_bytes) as bar,
    ):
        alarm = threading.Timer(seconds, _end_overdue, (process, overdue))
        alarm.start()
        try:
            for line in process.stdout or ():
                name, _, value = line.strip().partition("=")
                if name == "total_size" and value.isdecimal():
                    bar.update(int(value) - bar.n)
            process.wait()
        finally:
            alarm.cancel()
            _end(process)
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()[-SHOWN_LINES:]
    if overdue.is_set():
        raise FfmpegError(f"FFmpeg took over {seconds:g} s: {shlex.join(command)}")
    if process.returncode == -signal.SIGXFSZ:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if process.returncode:
        text = "\n".join([f"FFmpeg failed ({process.returncode}): {shlex.join(command)}", *lines])
        raise FfmpegError(text)
    if lines:
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201 - the job's log


def _end_overdue(process: subprocess.Popen[str], overdue: threading.Event) -> None:
    overdue.set()
    _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program, and what it has started: that may keep our end of the pipe open for ever."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
