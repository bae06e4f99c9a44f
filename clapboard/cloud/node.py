"""`clapboard node`: run Snakemake on a machine that may be taken away.

With `s3.results`, trainings that another machine left unfinished are fetched before the run. A
signal or the notice of a spot interruption stops Snakemake at once; what is finished and what is
not goes to the bucket. Both also go there now and then, for machines that vanish without a word.

A bucket that takes nothing ends the run before its first job. One that takes nothing at the end is
tried on for a while; then the exit status is `NOT_KEPT`.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from clapboard.cloud.keeper import Keeper
from clapboard.cloud.spot import SpotNotice
from clapboard.sessions.project import add_config_argument, read_config
from clapboard.settings.config import CONFIG_FILE

NOTICE_SECONDS = 5.0
KEEP_SECONDS, HAND_OVER_SECONDS = 60.0, 300.0
"""Unfinished trainings are kept every minute, what is finished every five."""

END_SECONDS = 25.0
"""How long Snakemake may take to end its jobs. The notice comes two minutes ahead."""

AFTER_NOTICE_SECONDS = 300.0

KEEP_TRYING_MINUTES = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds between two tries at the end of a run; each pause is twice the one before."""

NOT_KEPT = 74
"""Exit status when the bucket has not got what was made; sysexits.h calls it EX_IOERR."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard node`."""
    add_config_argument(parser)
    parser.add_argument(
        "--keep-trying",
        type=float,
        default=KEEP_TRYING_MINUTES,
        metavar="MINUTES",
        help="so long at the end, when the bucket does not take the results; default: %(default)g",
    )
    parser.usage = "%(prog)s [options] [-- arguments of snakemake]"


def node_words(
    config_file: str, snakemake: Sequence[str], keep_trying: float = KEEP_TRYING_MINUTES
) -> list[str]:
    """The command that runs Snakemake on a machine that is made ready.

    Args:
        config_file: where the configuration is.
        snakemake: arguments of Snakemake.
        keep_trying: minutes for which to try on at the end to bring the results to the bucket.
    """
    chosen = [] if config_file == CONFIG_FILE else ["--configfile", config_file]
    if keep_trying != KEEP_TRYING_MINUTES:
        chosen += ["--keep-trying", f"{keep_trying:g}"]
    profile = ["--profile", "profiles/ec2"]
    return [".venv/bin/clapboard", "node", *chosen, "--", *profile, *snakemake]


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run Snakemake and keep what it makes.

    Returns:
        Its exit status; or 128 and the number of the signal that stopped it; or else `NOT_KEPT`.

    Raises:
        InputError: the bucket cannot be read, or takes nothing.
    """
    config = read_config(arguments.configfile)
    keeper = Keeper(config) if config.s3.results else None
    if keeper:
        keeper.try_out()
    for path in keeper.fetch() if keeper else ():
        say(f"going on with {path}")
    words = [sys.executable, "-m", "snakemake", *arguments.snakemake]
    if arguments.configfile != CONFIG_FILE:
        words += ["--configfile", arguments.configfile]  # last: it would take targets for files
    notice = SpotNotice()
    if notice.silence:
        say(f"no notice of a spot interruption will be seen: {notice.silence}")
    seconds = 60 * arguments.keep_trying
    return Node(words, keeper, notice, say, seconds, Path(config.results)).run()


class Node:
    """One run, and what may end it.

    Args:
        words: the command that does the work.
        keeper: brings what is made to the bucket; None when there is none.
        notice: of a spot interruption.
        say: prints a line.
        keep_trying: seconds for which to try on at the end of the work.
        results: the folder of what is made.
    """

    def __init__(
        self,
        words: list[str],
        keeper: Keeper | None,
        notice: SpotNotice,
        say: Callable[[str], None],
        keep_trying: float,
        results: Path,
    ) -> None:
        self.words, self.keeper, self.notice, self.say = words, keeper, notice, say
        self.keep_trying, self.results = keep_trying, results
        self.signal = self.signals = 0
        """The last one that somebody has sent, and how many."""
        self.wake = threading.Event()

    def run(self) -> int:
        """Work until the end, a signal, or the end of the machine."""
        # Under nohup a hang-up is ignored, and shall be.
        numbers = [
            number
            for number in SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            while True:
                status, reason, heard = self._work()
                kept = self.keeper is None or self._hand_over(self.keeper, reason, heard)
                if self.signal:
                    return 128 + self.signal
                if not reason:
                    return status if kept else NOT_KEPT
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
        self.signals += 1
        self.wake.set()

    def _hand_over(self, keeper: Keeper, reason: str, heard: int) -> bool:
        """Bring everything to the bucket; whether that has it.

        Until somebody sends a signal (another one, if one has ended the work) it is tried on. A
        machine whose work was ended has not long.

        Args:
            keeper: of what was made.
            reason: why the work was stopped, if it was.
            heard: how many signals have been sent until then; one more may have come since.
        """
        self.wake.clear()
        if self.signals > heard:
            self.wake.set()
        seconds = self.keep_trying
        if reason:
            seconds = min(seconds, 60 * KEEP_TRYING_MINUTES)
        end, pause = time.monotonic() + seconds, FIRST_PAUSE
        while not keeper.keep():
            left = end - time.monotonic()
            if left > 0:
                self.say(f"trying again, for {left / 60:,.1f} minutes")
            if left <= 0 or self.wake.wait(min(pause, left)):
                here = f"{socket.gethostname()}:{self.results.absolute()}"
                self.say(f"NOT in {keeper.place}; what was made is only here: {here}")
                self.say("`clapboard push` brings up what is finished, when the bucket takes it")
                return False
            pause = min(2 * pause, LONGEST_PAUSE)
        self.say(f"kept in {keeper.place}")
        return True

    def _work(self) -> tuple[int, str, int]:
        """Run the command once.

        Returns:
            Its status; why it was stopped, if it was; how many signals had been sent by then.
        """
        # A session of its own: what a terminal sends reaches this process, which decides. It works
        # on when this one is killed, and so has the lock of cloud/session.sh, too; of Python's own
        # files none is inherited.
        process = subprocess.Popen(
            self.words,
            start_new_session=True,
            close_fds=False,
            env=os.environ | (self.keeper.of_the_run() if self.keeper else {}),
        )
        threads = self._start_keeping(process)
        asked = time.monotonic()
        reason = ""
        while process.poll() is None and not reason:
            self.wake.wait(0.5)
            if self.signal:
                reason = signal.Signals(self.signal).name
            elif time.monotonic() - asked >= NOTICE_SECONDS:
                reason, asked = self.notice.given(), time.monotonic()
        heard = self.signals if reason else 0
        if reason:
            self.say(f"stopping: {reason}")
            _stop(process)
            if self.keeper:
                # Before what may be under way: a push of many gigabytes outlasts the machine.
                self.keeper.keep_unfinished()
        for thread in threads:
            thread.join()
        return process.returncode, reason, heard

    def _start_keeping(self, process: subprocess.Popen[bytes]) -> list[threading.Thread]:
        """Keep what there is while the command runs: a push does not hold up small states."""
        if self.keeper is None:
            return []
        threads = [
            threading.Thread(target=_now_and_then, args=work, daemon=True)
            for work in (
                (process, KEEP_SECONDS, self.keeper.keep_unfinished),
                (process, HAND_OVER_SECONDS, self.keeper.keep),
            )
        ]
        for thread in threads:
            thread.start()
        return threads


def _now_and_then(
    process: subprocess.Popen[bytes], seconds: float, keep: Callable[[], bool]
) -> None:
    """Call `keep` every so many seconds while the command runs."""
    while True:
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            keep()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command and its jobs: they are asked to, and after a while they are killed."""
    with suppress(ProcessLookupError):  # it has just ended by itself
        # To all of the session, as Ctrl-C does: Snakemake alone would wait for its jobs to finish.
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
