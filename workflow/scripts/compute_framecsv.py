"""Turn one sheet into frame ranges."""

from clapboard import logs
from clapboard.labels.framecsv import write_framecsv

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_framecsv(
            sheet_file=snakemake.input.sheet,
            index_file=snakemake.input.index,
            clap=snakemake.params.recording["clap"],
            settings=snakemake.params.settings,
            framecsv=snakemake.output.framecsv,
            procedures=snakemake.output.procedures,
            subject=snakemake.params.recording["subject"],
            sync=snakemake.input.sync,
            compare=snakemake.params.compare,
        )
