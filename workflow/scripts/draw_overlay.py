"""Draw the timeline of one recognised recording below its picture."""

from clapboard import logs
from clapboard.learning.showing import draw_overlay

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        draw_overlay(
            video=snakemake.input.video,
            predictions=snakemake.input.predictions,
            index_file=snakemake.input.index,
            settings=snakemake.params.settings,
            ffmpeg=snakemake.params.video["ffmpeg"],
            output=snakemake.output.video,
            background=snakemake.params.annotations["background"],
        )
