"""Whether a shard is, byte for byte, what its manifest says."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from clapboard.artifacts import digest, digest_file, read_parquet
from clapboard.pictures.addresses import part_of, read_picture, shard_of
from clapboard.pictures.proof import MESSAGES, Finding


def prove_shard(manifest: Path, quick: bool) -> tuple[int, list[Finding]]:
    """The number of pictures in a shard and what is wrong with it.

    Args:
        manifest: ``shards/{recording}.parquet``.
        quick: look at the size only.
    """
    shard = shard_of(manifest)
    try:
        table, facts = read_parquet(manifest, ["key", "offset", "bytes", "digest"])
    except (OSError, pa.ArrowException) as error:
        message = f"The manifest cannot be read: {error}"
        return 0, [Finding("manifest-unreadable", message, manifest, (manifest,))]
    if not shard.is_file():
        message = "The shard is gone"
        return len(table), [Finding("shard-missing", message, shard, (manifest,))]
    if shard.stat().st_size != facts["bytes"]:
        message = "The shard has another size than its manifest says, as if it were cut off"
        return len(table), [Finding("shard-size", message, shard, (manifest,), damaged=True)]
    if quick or digest_file(shard) == facts["digest"]:
        return len(table), []
    wrong = [
        f"{row['key']}.jpg"
        for row in table.to_pylist()
        if digest(read_picture(part_of(shard, row["offset"], row["bytes"]))) != row["digest"]
    ]
    seen = f"{MESSAGES['picture-content']}: {', '.join(wrong[:3])}" if wrong else "A label differs"
    return len(table), [Finding("shard-content", seen, shard, (manifest,), damaged=True)]
