"""Say which frames of one recording are looked at."""

from clapboard import logs
from clapboard.labels.unlabelled import write_sample

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_sample(
            index_file=snakemake.input.index,
            every=snakemake.params.frames["every"],
            output=snakemake.output.sample,
        )
