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
    "verify": (
        "clapboard.dataset.verify",
        "Prove that results are what their manifests say.",
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    A module's `run(arguments, say)` gets the parsed arguments and the function that prints a line.

    Args:
        words: the command line without the program's name; None takes the process's own.

    Returns:
        Exit status: 0 done, 1 the input is wrong, 2 the command line is wrong (by argparse).
    """
    words = sys.argv[1:] if words is None else words
    parser = argparse.ArgumentParser(prog="clapboard", description=__doc__.partition(":")[0] + ".")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in words:
            import_module(module).add_arguments(command)
    arguments = parser.parse_args(words)
    try:
        return import_module(COMMANDS[arguments.command][0]).run(arguments, print)
    except InputError as error:
        print(f"clapboard {arguments.command}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"clapboard {arguments.command}: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1
