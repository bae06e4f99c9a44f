"""Draw the timeline of one recognised recording below its picture."""

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    with logs.job(snakemake.log[0]):
        from clapboard.learning.showing import draw_overlay  # imports Arrow

        draw_overlay(
            video=snakemake.input.video,
            predictions=snakemake.input.predictions,
            index_file=snakemake.input.index,
            settings=snakemake.params.settings,
            ffmpeg=snakemake.params.video["ffmpeg"],
            output=snakemake.output.video,
            background=snakemake.params.annotations["background"],
        )
