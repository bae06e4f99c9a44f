"""Find the clap of one recording."""

from clapboard import logs
from clapboard.timing.sync_files import write_sync

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_sync(
            recording=snakemake.wildcards.recording,
            sheet_file=snakemake.input.sheet,
            index_file=snakemake.input.index,
            clap=snakemake.params.recording["clap"],
            annotations=snakemake.params.annotations,
            settings=snakemake.params.settings,
            sync=snakemake.output.sync,
            plot=snakemake.output.plot,
            subject=snakemake.params.recording["subject"],
        )
