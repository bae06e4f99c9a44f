"""`clapboard push`: bring the results folder up to S3 (`s3.results`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from clapboard.s3 import results
from clapboard.sessions.project import add_config_argument, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard push`."""
    add_config_argument(parser)


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Bring up what is new; may be called while a run goes on."""
    config = read_config(arguments.configfile)
    say(str(results.push(config.section("s3"), Path(config.results))))
    return 0
