"""`clapboard node`: run Snakemake on a machine that may be taken away.

Before the run, trainings that another machine left unfinished are fetched. A signal or the notice
of a spot interruption stops Snakemake at once, and what is unfinished goes to the bucket. It also
goes there every minute, for machines that vanish without a word.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from clapboard.cloud.spot import SpotNotice
from clapboard.cloud.unfinished import Unfinished
from clapboard.problems import InputError, Problem
from clapboard.s3.location import Location
from clapboard.sessions.project import add_config_argument, read_config

NOTICE_SECONDS = 5.0
KEEP_SECONDS = 60.0
END_SECONDS = 25.0
"""How long Snakemake may take to end its jobs. The notice comes two minutes ahead."""

AFTER_NOTICE_SECONDS = 300.0
STORAGE = ".snakemake/storage"
"""Where Snakemake has the local copies of results that belong into a bucket."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard node`."""
    add_config_argument(parser)
    parser.add_argument(
        "--keep", metavar="S3", help="s3://bucket/folder for trainings that are not finished"
    )
    parser.usage = "%(prog)s [options] [-- arguments of snakemake]"


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run Snakemake; its exit status, or 128 and the number of the signal that stopped it."""
    unfinished = _unfinished(arguments.keep, arguments.configfile)
    for path in unfinished.fetch() if unfinished else ():
        say(f"going on with {path}")
    words = [sys.executable, "-m", "snakemake", *arguments.snakemake]
    return Node(words, unfinished, SpotNotice(), say).run()


def _unfinished(keep: str | None, config_file: str) -> Unfinished | None:
    if not keep:
        return None
    try:
        place = Location.parse(keep)
    except ValueError as error:
        remedy = "Write s3://bucket/folder."
        raise InputError([Problem("bad-address", str(error), remedy, column="--keep")]) from error
    config = read_config(config_file)
    return Unfinished(place, config.section("s3"), [config.results, STORAGE])


class Node:
    """One run, and what may end it.

    Args:
        words: the command that does the work.
        unfinished: what is to be kept; None when there is no bucket.
        notice: of a spot interruption.
        say: prints a line.
    """

    def __init__(
        self,
        words: list[str],
        unfinished: Unfinished | None,
        notice: SpotNotice,
        say: Callable[[str], None],
    ) -> None:
        self.words, self.unfinished, self.notice, self.say = words, unfinished, notice, say
        self.signal = 0
        self.wake = threading.Event()

    def run(self) -> int:
        """Work until the end, a signal, or the end of the machine."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            while True:
                status, reason = self._work()
                self._keep(reason)
                if self.signal:
                    return 128 + self.signal
                if not reason:
                    return status
                # Ending now would look like a failure of the work, and nobody would go on with it
                # elsewhere: what waits for this machine must see the machine go.
                self.say("waiting for the machine to go")
                if self.wake.wait(AFTER_NOTICE_SECONDS):
                    return 128 + self.signal
                self.say("the machine is still here: going on")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.signal = number
        self.wake.set()

    def _work(self) -> tuple[int, str]:
        """Run the command once; its status, and why it was stopped if it was."""
        # A session of its own: what a terminal sends reaches this process, which decides.
        process = subprocess.Popen(self.words, start_new_session=True)
        keeper = threading.Thread(target=self._keep_now_and_then, args=[process], daemon=True)
        keeper.start()
        asked = time.monotonic()
        reason = ""
        while process.poll() is None and not reason:
            self.wake.wait(0.5)
            if self.signal:
                reason = signal.Signals(self.signal).name
            elif time.monotonic() - asked >= NOTICE_SECONDS:
                reason, asked = self.notice.given(), time.monotonic()
        if reason:
            self.say(f"stopping: {reason}")
            _stop(process)
        keeper.join()
        return process.returncode, reason

    def _keep_now_and_then(self, process: subprocess.Popen[bytes]) -> None:
        """Keep what is unfinished every minute while the command runs."""
        while self.unfinished:
            try:
                process.wait(KEEP_SECONDS)
                return
            except subprocess.TimeoutExpired:
                self.unfinished.send()

    def _keep(self, reason: str) -> None:
        if self.unfinished:
            kept = self.unfinished.send()
            if reason and kept:
                self.say(f"kept in {self.unfinished.place.url}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command and its jobs: they are asked to, and after a while they are killed."""
    # To all of the session, as Ctrl-C does: Snakemake alone would wait for its jobs to finish.
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
