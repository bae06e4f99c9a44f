"""A small memory disk in place of a folder, to be filled."""

import os
import subprocess
from contextlib import contextmanager

import pytest

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="mounting a small disk takes the rights of root"
)


@contextmanager
def small_disk(folder, size):
    """Mount it; yields what gives it another size. What it gets to hold is gone with it."""
    folder.mkdir(exist_ok=True)
    _mount(folder, f"size={size}")
    try:
        yield lambda size: _mount(folder, f"remount,size={size}")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(folder, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
