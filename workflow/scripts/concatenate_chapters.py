"""Join the chapters of one recording."""

from clapboard import logs
from clapboard.video.concatenation import write_video

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_video(
            chapters=list(snakemake.input.chapters),
            index_file=snakemake.input.index,
            settings=snakemake.params.settings,
            output=snakemake.output.video,
        )
