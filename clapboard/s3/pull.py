"""`clapboard pull`: bring results down from S3 (`s3.results`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from clapboard import running
from clapboard.s3 import results
from clapboard.sessions.project import add_config_argument, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard pull`."""
    add_config_argument(parser)
    parser.add_argument("--shards", action="store_true", help="shards too, not when they are read")


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Bring down what is not here or older; not while a run works in the results folder.

    A job's inputs would be others when it ends than when it began, and older than what it makes.
    """
    config = read_config(arguments.configfile)
    running.hold(config.results)
    say(str(results.pull(config.section("s3"), Path(config.results), arguments.shards)))
    return 0
