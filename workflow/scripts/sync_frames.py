"""Bring frames up to the bucket or down from it."""

from pathlib import Path

from clapboard import logs
from clapboard.s3.jobs import SyncFrames, perform

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        job = SyncFrames(
            settings=snakemake.params.settings,
            recordings=snakemake.params.recordings,
            manifests=snakemake.input.manifests,
            folder=Path(snakemake.params.done).parents[1] / "framedata",
            others=snakemake.params.others,
        )
        perform(job, snakemake.params.done)
