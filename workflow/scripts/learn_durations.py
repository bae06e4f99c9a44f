"""Count how long procedures last in Training."""

from clapboard import logs

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        from clapboard.learning.durations import write_durations  # imports Arrow

        write_durations(
            labels=snakemake.input.labels,
            indexes=snakemake.input.indexes,
            every=snakemake.params.frames["every"],
            output=snakemake.output.procedures,
        )
