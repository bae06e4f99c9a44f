"""What is the same however and wherever the workflow runs, as digests to compare."""

from clapboard.artifacts import digest, digest_file, read_parquet

BYTE_FOR_BYTE = [
    "audit/sync/cameras.csv",
    "framecsv/*.csv",
    "procedures/*/*.csv",
    "labels/*.parquet",
    "check/leakage.csv",
    "Data/labels.csv",
    "Data/manifest.parquet",
    "models/*/history.csv",
    "models/*/predictions.parquet",
    "models/*/metrics.json",
    "models/*/fusion.json",
    "models/*/loso*.csv",
    "models/*/loso*.json",
    "comparison/*.csv",
]


def tables(results):
    """Digest of every table of figures by name; of an index without the paths that it names."""
    found = {
        str(path.relative_to(results)): digest_file(path)
        for pattern in BYTE_FOR_BYTE
        for path in results.glob(pattern)
    }
    for path in results.glob("index/*.parquet"):
        table, facts = read_parquet(path)
        chapters = [{**chapter, "file": ""} for chapter in facts["chapters"]]
        content = repr((table.to_pydict(), {**facts, "chapters": chapters}))
        found[str(path.relative_to(results))] = digest(content.encode())
    return found
