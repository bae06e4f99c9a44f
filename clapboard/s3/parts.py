"""How a large object is cut into parts, up and down, and how many requests it takes to send it."""

from __future__ import annotations

PART_BYTES = 16 * 2**20
MOST_PARTS = 9_000


def sent_part(size: int) -> int:
    """Bytes of a part when a file of `size` bytes goes up; one that is smaller goes up at once."""
    return max(PART_BYTES, -(-size // MOST_PARTS))


def sending_requests(size: int) -> int:
    """How many requests bring up a file of `size` bytes and ask for its entity tag.

    The parts, a beginning and an end, and the question; what goes up at once has no beginning.
    """
    part = sent_part(size)
    return 2 if size < part else -(-size // part) + 3
