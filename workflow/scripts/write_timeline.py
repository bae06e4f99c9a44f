"""Write the timeline of one recognised recording."""

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    with logs.job(snakemake.log[0]):
        from clapboard.learning.timeline import write_timeline  # imports Arrow

        write_timeline(
            probabilities=snakemake.input.probabilities,
            index_file=snakemake.input.index,
            manifest=snakemake.input.manifest,
            labels=snakemake.input.labels,
            procedures=snakemake.input.procedures,
            settings=snakemake.params.settings,
            taught=snakemake.params.taught,
            annotations=snakemake.params.annotations,
            predictions=snakemake.output.predictions,
            sheet=snakemake.output.sheet,
            subtitles=snakemake.output.subtitles,
            review=snakemake.output.review,
            clap=snakemake.params.recording["clap"],
            others=[
                {"probabilities": file, "index": index, "clap": clap}
                for file, index, clap in zip(
                    snakemake.input.other_probabilities,
                    snakemake.input.other_indexes,
                    snakemake.params.other_claps,
                    strict=True,
                )
            ],
            sync=snakemake.params.sync,
            ignored=snakemake.params.ignored,
        )
