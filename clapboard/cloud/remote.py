"""`clapboard remote user@host`: send the project, run there, watch, fetch the results.

The run belongs to the machine (cloud/session.sh), not to the connection: when that is lost, it is
made again and the log goes on where it broke off; Ctrl-C here ends the watching only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clapboard.cloud.fetched import fetch_results
from clapboard.cloud.node import node_words
from clapboard.cloud.ssh import LOST, Machine
from clapboard.fingerprint import files_of
from clapboard.problems import InputError, Problem, refuse
from clapboard.sessions.project import add_config_argument, local_inputs, read_config, read_project

FOLDER = "clapboard"
TRIES = 8
LONGEST_PAUSE = 60.0
GIT_SECONDS = 300

SESSION = ("bash", "cloud/session.sh")

# As cloud/setup.sh does it, which is not there yet: what brings it is rsync.
NEEDS_RSYNC = """
command -v rsync >/dev/null && exit
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi; }
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
echo "clapboard: installing rsync" >&2
apt update && apt install -y --no-install-recommends rsync
"""

# Before anything is sent: files must not change under a run.
MUST_BE_FREE = """
[ ! -e .clapboard/lock ] || flock -n .clapboard/lock true || {
    echo "clapboard: a run is going on here: --attach shows it, --stop ends it" >&2
    exit 1
}
"""

# What is sent now is written down, as names that end with a zero byte, and what was sent before and
# is not any more goes. Folders are listed anew there: what stayed would count as before.
SENT = """
set -euo pipefail
export LC_ALL=C
mkdir -p .clapboard
sort -zu >.clapboard/sending
if [[ -e .clapboard/sent ]]; then
    comm -z -23 .clapboard/sent .clapboard/sending | while IFS= read -r -d "" name; do
        if [[ -f ./$name || -L ./$name ]]; then
            rm -f -- "./$name"
            printf 'clapboard: removed, since it is not sent any more: %q\\n' "$name" >&2
            [[ $name != */* ]] || rmdir -p --ignore-fail-on-non-empty -- "${name%/*}"
        fi
    done
fi
mv -f .clapboard/sending .clapboard/sent
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard remote`."""
    add_config_argument(parser)
    parser.add_argument("address", help="user@host, or a name from ~/.ssh/config")
    parser.add_argument("--port", type=int, help="of the ssh server")
    parser.add_argument("--identity", metavar="FILE", help="private key, such as key.pem")
    parser.add_argument("--known-hosts", metavar="FILE", help="keys of hosts; default: ssh's own")
    parser.add_argument("--folder", default=FOLDER, help="there; default: %(default)s")
    parser.add_argument("--pictures", action="store_true", help="fetch frames and videos too")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--attach", action="store_true", help="watch the run that is going on")
    only.add_argument("--fetch", action="store_true", help="only fetch the results")
    only.add_argument("--stop", action="store_true", help="stop the run; nothing done is lost")
    parser.usage = "%(prog)s [options] address [-- arguments of snakemake]"


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Do what was asked for; the exit status of the run there."""
    machine = Machine(
        arguments.address,
        arguments.folder,
        arguments.port,
        arguments.identity,
        arguments.known_hosts,
    )
    status = 0
    if arguments.stop:
        machine.run([*SESSION, "stop"])
        return 0
    if not arguments.fetch:
        if not arguments.attach:
            _start(machine, arguments.configfile, arguments.snakemake, say)
        try:
            status = follow(machine, say)
        except KeyboardInterrupt:
            say(f"\nthe run goes on; `clapboard remote {machine.address} --attach` shows it again")
            return 130
    if status == LOST:
        return status
    results = read_config(arguments.configfile).results
    if machine.has(results):
        kept = fetch_results(machine, results, arguments.pictures, sys.stdout.isatty())
        say(f"results are in {results}")
        if kept:
            say(f"what they replaced is in {kept.name}")
    else:
        say("there are no results yet")
    return status


def _start(
    machine: Machine, config_file: str, snakemake: Sequence[str], say: Callable[[str], None]
) -> None:
    """Send the project and start the run."""
    files = project_files(config_file, say)
    machine.run(["sh", "-c", NEEDS_RSYNC], inside=False)
    machine.run(["mkdir", "-p", "--", machine.folder], inside=False)
    machine.run(["sh", "-c", MUST_BE_FREE])
    # Before they come: whatever ends this, all that was ever sent is on a list.
    machine.run(["bash", "-c", SENT], text="".join(f"{name}\0" for name in files))
    say(f"sending {len(files)} files")
    machine.send(files, screen=sys.stdout.isatty())
    node = node_words(config_file, snakemake)
    machine.run([*SESSION, "start", "bash", "cloud/setup.sh", *node])


def project_files(config_file: str, say: Callable[[str], None]) -> list[str]:
    """What a run needs, relative to the working directory: tracked files, configuration, inputs.

    Inputs elsewhere are not sent; which, is said. What is in S3 the machine fetches itself. Of a
    folder that is an input the pictures and clips are sent. Nothing else is ever sent, so that no
    credentials leave by accident.

    Raises:
        InputError: this is no checkout, or table and configuration have errors.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, check=False, timeout=GIT_SECONDS
    )
    if listed.returncode or not listed.stdout:
        message = "this folder is no checkout of the repository"
        raise InputError(
            [Problem("no-checkout", message, "Run in a clone of it.", str(Path.cwd()))]
        )
    names = listed.stdout.decode("utf-8", "surrogateescape").split("\0")
    tracked = {name for name in names if name and Path(name).is_file()}
    project = read_project(config_file)
    refuse(project.problems)
    inputs = {config_file, project.config.recordings}
    inputs |= local_inputs(project.config, project.recordings)
    here = {path for path in inputs if _is_below(path)}
    for path in sorted(inputs - here):
        say(f"not sent, must be there already: {path}")
    # Of a list of names rsync would take a folder for itself alone.
    files = tracked.union(*map(files_of, here))
    return sorted({os.path.normpath(file) for file in files})


def _is_below(path: str) -> bool:
    """Whether a path is relative and stays in the working directory."""
    return not Path(path).is_absolute() and "://" not in path and ".." not in Path(path).parts


def follow(machine: Machine, say: Callable[[str], None], pause: float = 1.0) -> int:
    """Show the log of the run until it ends, over as many connections as it takes.

    A run may take weeks and be silent for hours, so that only a machine that is silent itself is
    given up, by ssh (`clapboard.cloud.ssh.OPTIONS`).

    Returns:
        The exit status of the run, or `LOST` when the machine has not answered for `TRIES` times.
    """
    shown, failed = 0, 0
    while True:
        words = machine.command([*SESSION, "follow", str(shown)])
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while part := process.stdout.read1(65536):  # type: ignore[attr-defined]
                sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
                shown, failed = shown + len(part), 0
        if process.returncode != LOST:
            return process.returncode
        failed += 1
        if failed == TRIES:
            say(f"no connection; `clapboard remote {machine.address} --attach` tries again")
            return LOST
        time.sleep(min(pause * 2**failed, LONGEST_PAUSE))
