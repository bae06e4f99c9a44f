"""The launch of a task by SkyPilot, watched, and what is left to do when it ends badly."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from clapboard.problems import InputError, Problem
from clapboard.settings.config import Config

SKY = Path(".sky/bin/sky")
NAME = "clapboard"
WAIT_FOR = "jobs"
"""What keeps a machine; SkyPilot's own choice is also whatever terminal somebody has open on it."""

WATCHED_DAYS = 30
"""So long does a launch show the log; the end of the watching is not that of the run."""

LIMIT_SECONDS = 600
LOOK = (
    "Look whether a machine is running: `.sky/bin/sky status`; `.sky/bin/sky down NAME` ends it "
    "(docs/ec2.md)."
)


def launch(config: Config, path: str, say: Callable[[str], None]) -> int:
    """Launch a task file and show the log; the status of SkyPilot.

    Args:
        config: the configuration that the file was written from.
        path: of the file.
        say: shown to the user.

    Raises:
        InputError: SkyPilot is not installed.
    """
    program = _program()
    try:
        status = subprocess.run(
            [program, *launch_words(config, path)[1:]],
            check=False,
            timeout=timedelta(days=WATCHED_DAYS).total_seconds(),
        ).returncode
    except subprocess.TimeoutExpired:
        say(
            f"watched for {WATCHED_DAYS} days; the run goes on: docs/ec2.md says how to watch again"
        )
        return 1
    except KeyboardInterrupt:
        # SkyPilot's server goes on with the launch. A limit set now might end a machine that waits
        # for its upload.
        say(
            f"\nWhat was begun goes on, and nothing ends a machine before its setup is over. {LOOK}"
        )
        return 130
    if status:
        _limit(config, program, say)
    return status


def _limit(config: Config, program: str, say: Callable[[str], None]) -> None:
    """After a launch that failed: have the machine end, if there is one, and say what to look at.

    SkyPilot sets its limit only when the folder is uploaded and the setup is over. The machine that
    watches over spot machines takes none from outside; of another SkyPilot may refuse it with
    status 0, as long as the machine is not up.
    """
    if not config.cloud.spot:
        words = [program, *limit_words(config)[1:]]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(words, check=False, timeout=LIMIT_SECONDS)
    say(
        "The launch was not made, or it or the run has failed. A machine that was started may be "
        f"without limit, and costs until you end it. {LOOK}"
    )


def launch_words(config: Config, path: str) -> list[str]:
    """The command that rents the machine, runs, shows the log and gives the machine back.

    A managed job goes on on another machine when a spot machine is taken away; it needs a small
    machine that watches over it. Without spot that would be money for nothing.
    """
    if config.cloud.spot:
        return ["sky", "jobs", "launch", "--name", NAME, path]
    return ["sky", "launch", "--cluster", NAME, path]


def limit_words(config: Config) -> list[str]:
    """The command that has a machine without work end, as the task file does after the setup."""
    words = ["sky", "autostop", NAME, "--idle-minutes", str(config.cloud.idle_minutes)]
    words += ["--wait-for", WAIT_FOR, "--yes"]
    return words if config.cloud.keep_disk else [*words, "--down"]


def _program() -> str:
    """SkyPilot of `make cloud`, or one on the PATH.

    Raises:
        InputError: there is none.
    """
    found = str(SKY.absolute()) if SKY.exists() else shutil.which("sky")
    if found is None:
        message = "SkyPilot is not installed"
        raise InputError([Problem("no-skypilot", message, "Run `make cloud`.")])
    return found
