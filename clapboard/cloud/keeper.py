"""What a machine has made, brought to where the next one finds it (`s3.results`)."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from boto3.exceptions import Boto3Error

from clapboard import running
from clapboard.cloud.unfinished import Unfinished
from clapboard.problems import InputError
from clapboard.s3 import results
from clapboard.s3.location import Location
from clapboard.settings.config import Config


class Keeper:
    """Brings finished and unfinished work up; unfinished work down.

    Args:
        config: the configuration; ``s3.results`` is set.
    """

    def __init__(self, config: Config) -> None:
        self.place = config.s3.results
        self._settings, self._results = config.section("s3"), Path(config.results)
        self._unfinished = Unfinished(Location.parse(self.place), self._settings, self._results)
        self._said = ""
        """What the last push did."""

    def of_the_run(self) -> dict[str, str]:
        """What the environment of a run says whose results this process brings up."""
        return {results.KEPT_BY_NODE: str(os.getpid())}

    def try_out(self) -> None:
        """Write an object, read it and remove it, so that hours of work do not end in a refusal.

        Raises:
            InputError: the bucket refuses one of these.
        """
        self._unfinished.try_out()

    def fetch(self) -> list[str]:
        """Bring the unfinished trainings of another machine; the folders of their states.

        What others have finished the run takes up, also where it has taken up something before.

        Raises:
            InputError: the bucket cannot be read, or another run works here.
        """
        with running.held(self._results):
            results.take_up_again(self._results)
            return self._unfinished.fetch()

    def keep_unfinished(self) -> bool:
        """Bring up unfinished trainings, also while another thread is at `keep`.

        What goes wrong is said, and is no reason to end a run: it is tried again later.

        Returns:
            Whether the bucket has them.
        """
        return self._tried(self._unfinished.send)

    def keep(self) -> bool:
        """Bring up unfinished trainings and all that is finished, else as `keep_unfinished`."""
        return self._tried(self._send_all)

    def _send_all(self) -> None:
        self._unfinished.send()
        if self._results.exists():
            # Asked before: a training that ends during the push has a model that is not up.
            finished = self._unfinished.finished()
            said = f"to {self.place}: {results.push(self._settings, self._results)}\n"
            if said != self._said:
                sys.stderr.write(said)
                self._said = said
            self._unfinished.forget(finished)

    def _tried(self, send: Callable[[], None]) -> bool:
        try:
            send()
        except (InputError, Boto3Error, OSError) as error:
            sys.stderr.write(f"clapboard node: not kept: {error}\n")
            return False
        except Exception:  # a mistake of ours must not end the machine with all that is on it
            sys.stderr.write(f"clapboard node: not kept: {traceback.format_exc()}")
            return False
        return True
