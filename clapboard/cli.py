"""The `clapboard` command: each subcommand is a module with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from clapboard.problems import InputError

# Name of a subcommand -> its module, what it does. Only the module that is asked for is imported.
COMMANDS = {
    "scan": ("clapboard.sessions.scan", "Write the table of recordings from a folder tree."),
    "check": ("clapboard.checks.check", "Print every problem of table, sheets and videos."),
    "plan": ("clapboard.planning.plan", "Print what the sheets hold and what a run will cost."),
    "export": ("clapboard.annotations.export", "Write a sheet or predictions in another form."),
    "pull": ("clapboard.s3.pull", "Bring results down from S3, as another machine has made them."),
    "push": ("clapboard.s3.push", "Bring results up to S3."),
    "verify": (
        "clapboard.dataset.verify",
        "Prove that results are what their manifests say.",
    ),
    "cloud": ("clapboard.cloud.task", "Write the task that rents a GPU machine for a run."),
    "node": ("clapboard.cloud.node", "Run snakemake on a machine that may be taken away."),
    "remote": ("clapboard.cloud.remote", "Run on another machine over ssh, and fetch the results."),
}

# Commands that run snakemake: what stands behind `--` is for it, `arguments.snakemake`.
RUNNERS = ("node", "remote")


def main(words: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    A module's `run(arguments, say)` gets the parsed arguments and the function that prints a line.

    Args:
        words: the command line without the program's name; None takes the process's own.

    Returns:
        Exit status: 0 done, 1 the input is wrong, 2 the command line is wrong (by argparse).
    """
    words = list(sys.argv[1:] if words is None else words)
    passed_on = list[str]()
    if words[:1] and words[0] in RUNNERS and "--" in words:
        border = words.index("--")
        words, passed_on = words[:border], words[border + 1 :]
    parser = argparse.ArgumentParser(prog="clapboard", description=__doc__.partition(":")[0] + ".")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in words:
            import_module(module).add_arguments(command)
    arguments = parser.parse_args(words, argparse.Namespace(snakemake=passed_on))
    try:
        return import_module(COMMANDS[arguments.command][0]).run(arguments, print)
    except InputError as error:
        print(f"clapboard {arguments.command}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"clapboard {arguments.command}: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1
