"""`clapboard node`: run Snakemake on a machine that may be taken away.

With `s3.results`, trainings that another machine left unfinished are fetched before the run. A
signal or the notice of a spot interruption stops Snakemake at once; what is finished and what is
not goes to the bucket. Both also go there now and then, for machines that vanish without a word.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from clapboard.cloud.keeper import Keeper
from clapboard.cloud.spot import SpotNotice
from clapboard.sessions.project import add_config_argument, read_config
from clapboard.settings.config import CONFIG_FILE

NOTICE_SECONDS = 5.0
KEEP_SECONDS = 60.0
HAND_OVER_EVERY = 5
"""Unfinished trainings are kept every minute, what is finished every five."""

END_SECONDS = 25.0
"""How long Snakemake may take to end its jobs. The notice comes two minutes ahead."""

AFTER_NOTICE_SECONDS = 300.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard node`."""
    add_config_argument(parser)
    parser.usage = "%(prog)s [options] [-- arguments of snakemake]"


def node_words(config_file: str, snakemake: Sequence[str]) -> list[str]:
    """The command that runs Snakemake with these arguments on a machine that is made ready."""
    chosen = [] if config_file == CONFIG_FILE else ["--configfile", config_file]
    profile = ["--profile", "profiles/ec2"]
    return [".venv/bin/clapboard", "node", *chosen, "--", *profile, *snakemake]


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run Snakemake; its exit status, or 128 and the number of the signal that stopped it."""
    config = read_config(arguments.configfile)
    keeper = Keeper(config) if config.s3.results else None
    for path in keeper.fetch() if keeper else ():
        say(f"going on with {path}")
    words = [sys.executable, "-m", "snakemake", *arguments.snakemake]
    if arguments.configfile != CONFIG_FILE:
        words += ["--configfile", arguments.configfile]  # last: it would take targets for files
    notice = SpotNotice()
    if notice.silence:
        say(f"no notice of a spot interruption will be seen: {notice.silence}")
    return Node(words, keeper, notice, say).run()


class Node:
    """One run, and what may end it.

    Args:
        words: the command that does the work.
        keeper: brings what is made to the bucket; None when there is none.
        notice: of a spot interruption.
        say: prints a line.
    """

    def __init__(
        self,
        words: list[str],
        keeper: Keeper | None,
        notice: SpotNotice,
        say: Callable[[str], None],
    ) -> None:
        self.words, self.keeper, self.notice, self.say = words, keeper, notice, say
        self.signal = 0
        self.wake = threading.Event()

    def run(self) -> int:
        """Work until the end, a signal, or the end of the machine."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            while True:
                status, reason = self._work()
                if self.keeper and self.keeper.keep(everything=True):
                    self.say(f"kept in {self.keeper.place}")
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
        keeping = threading.Thread(target=self._keep_now_and_then, args=[process], daemon=True)
        keeping.start()
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
        keeping.join()
        return process.returncode, reason

    def _keep_now_and_then(self, process: subprocess.Popen[bytes]) -> None:
        """Keep what there is while the command runs."""
        times = 0
        while self.keeper:
            try:
                process.wait(KEEP_SECONDS)
                return
            except subprocess.TimeoutExpired:
                times += 1
                self.keeper.keep(everything=times % HAND_OVER_EVERY == 0)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command and its jobs: they are asked to, and after a while they are killed."""
    # To all of the session, as Ctrl-C does: Snakemake alone would wait for its jobs to finish.
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
