"""``python -m benchmarks [TOPIC] [OPTION...]``: measure a topic, or one after the other all."""

from __future__ import annotations

import importlib
import sys

TOPICS = ("video", "relabel", "index", "quality", "storage", "learning", "features", "workflow")


def main() -> None:
    """Run the topic named first, with the rest of the command line as its options."""
    topics = [sys.argv.pop(1)] if sys.argv[1:2] and sys.argv[1] in TOPICS else TOPICS
    for topic in topics:
        importlib.import_module(f"benchmarks.{topic}").main()


if __name__ == "__main__":
    main()
