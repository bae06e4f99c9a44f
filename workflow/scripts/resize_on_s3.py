"""Resize frames from bucket to bucket."""

from clapboard import logs
from clapboard.s3.jobs import ResizeOnS3, perform

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        job = ResizeOnS3(
            settings=snakemake.params.settings,
            recordings=snakemake.params.recordings,
            frames=snakemake.params.frames,
        )
        perform(job, snakemake.params.done)
