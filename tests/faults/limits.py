"""The command snakemake under limits; imports next to nothing, since every call does it anew."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflow import calling

# Of capabilities(7): to read and write what the mode of a file forbids.
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
PR_CAPBSET_DROP = 24
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Limits:
    """What a run may have.

    Attributes:
        environment: added to its environment.
        file_size: most bytes in a file; 0 for no limit.
        address_space: most bytes of memory that a process may ask for; 0 for no limit.
        group: control group whose limits hold.
        ordinary: whether root, too, is refused what files do not allow.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    file_size: int = 0
    address_space: int = 0
    group: Path | None = None
    ordinary: bool = False


NONE = Limits()


def snakemake(
    limits: Limits, repository: Path, folder: Path, screen: Path, arguments: Sequence[str]
) -> None:
    """As `calling.snakemake`, within limits."""
    os.environ.update(limits.environment)
    if limits.group:
        (limits.group / "cgroup.procs").write_text(str(os.getpid()))
    for kind, limit in (
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_AS, limits.address_space),
    ):
        if limit:
            resource.setrlimit(kind, (limit, limit))
    if limits.ordinary:
        _obey_modes()
    calling.snakemake(repository, folder, screen, arguments)


def _obey_modes() -> None:
    """Take from this process and all it starts the right of root to read and write everything.

    Raises:
        OSError: it is not root.
    """
    system = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; and the upper halves
    failed = system.capget(header, sets)
    for number in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        failed |= system.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
        for place in range(3):
            sets[place] &= ~(1 << number)
    if failed | system.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
