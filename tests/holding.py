"""Another process that works in a results folder."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PROGRAM = "import sys; from clapboard import running; running.hold(sys.argv[1]); input()"


@contextmanager
def another_run(results):
    """Somebody else has the folder until the block ends."""
    lock = Path(results).absolute() / ".lock"
    words = [sys.executable, "-c", PROGRAM, str(lock.parent)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, cwd=REPOSITORY) as run:
        while not (lock.exists() and lock.read_text()):
            assert run.poll() is None
        yield
        run.communicate(b"\n")
