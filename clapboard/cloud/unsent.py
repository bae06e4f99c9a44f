"""Which inputs a rented machine will not have."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from clapboard.fingerprint import files_of
from clapboard.sessions.project import Project, local_inputs

GIT_SECONDS = 300


def tell_unsent(project: Project, say: Callable[[str], None]) -> None:
    """Say which inputs the machine will not have: SkyPilot sends what git keeps of this folder."""
    here, inside = Path.cwd(), dict[str, set[Path]]()
    for path in sorted(local_inputs(project.config, project.recordings)):
        files = [Path(file) for file in (path, *files_of(path))]
        targets = {file.resolve() for file in files}
        if all(target.is_relative_to(here) for target in targets):
            # Of a link both have to be sent, itself and what it leads to.
            inside[path] = targets | {file.parent.resolve() / file.name for file in files}
        else:
            say(f"not sent, put it into the bucket: {path}")
    ignored = _ignored(set[Path]().union(*inside.values()), say)
    for path, names in inside.items():
        if not names.isdisjoint(ignored):
            say(f"not sent because git ignores it, put it into the bucket: {path}")


def _ignored(files: set[Path], say: Callable[[str], None]) -> set[Path]:
    """Those of the files, named from the root, that git ignores.

    Where git does not know or is not asked, as outside of a repository, SkyPilot has a rule of its
    own; that is said.
    """
    why = ""
    if Path(".skyignore").exists():
        why = ".skyignore decides it"
    elif shutil.which("git") is None:
        why = "git is not installed"
    if why:
        say(f"which inputs SkyPilot leaves out is not known: {why}")
        return set()
    # --no-index: SkyPilot's rsync leaves out what is ignored even when it is tracked.
    words = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    names = b"\0".join(map(os.fsencode, files))
    done = subprocess.run(words, input=names, capture_output=True, check=False, timeout=GIT_SECONDS)
    if done.returncode not in (0, 1):
        why = os.fsdecode(done.stderr).strip()
        say(f"which inputs SkyPilot leaves out is not known: {why}")
    return {Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name}
