"""List the pictures of all shards with their class."""

from clapboard import logs
from clapboard.dataset.shards import list_dataset

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        ids = [recording["id"] for recording in snakemake.params.recordings]
        list_dataset(
            recordings=snakemake.params.recordings,
            shards=dict(zip(ids, snakemake.input.shards, strict=True)),
            classes=snakemake.input.classes,
            manifest=snakemake.output.manifest,
        )
