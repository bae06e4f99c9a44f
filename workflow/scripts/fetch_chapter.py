"""Bring one chapter from S3."""

from clapboard import logs
from clapboard.s3.sources import fetch_chapter
from clapboard.sessions.recordings import Origin

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        fetch_chapter(
            origin=Origin(*snakemake.params.origin),
            endpoint=snakemake.params.endpoint,
            target=snakemake.output.chapter,
        )
