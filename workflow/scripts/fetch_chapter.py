"""Bring one chapter from S3."""

from clapboard import logs
from clapboard.s3.sources import fetch_chapter
from clapboard.sessions.recordings import Origin
from clapboard.settings.config import load

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        fetch_chapter(
            origin=Origin(*snakemake.params.origin),
            # Not a parameter: who allows more tries does not want to fetch all chapters again.
            settings=load(snakemake.config).section("s3"),
            target=snakemake.output.chapter,
            brought=snakemake.input.get("brought", ""),
        )
