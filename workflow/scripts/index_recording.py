"""Index and audit one recording."""

from clapboard import logs
from clapboard.video.indexing import write_index

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_index(
            recording=snakemake.wildcards.recording,
            chapters=list(snakemake.input.chapters),
            kind=snakemake.params.recording["kind"],
            rate=snakemake.params.recording["rate"],
            index=snakemake.output.index,
            audit=snakemake.output.audit,
            damaged=snakemake.params.settings["damaged"],
        )
