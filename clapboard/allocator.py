"""How Arrow gets memory in jobs that go through a long recording."""

from __future__ import annotations

import os


def give_back_memory() -> None:
    """Let Arrow return memory that it no longer uses; its own allocator keeps what it once had.

    Said before Arrow is imported, which asks once; and for the processes that this one starts.
    """
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
