"""Write the selected frames of one chapter."""

from clapboard import logs
from clapboard.pictures.frames import write_frames

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_frames(
            recording=snakemake.wildcards.recording,
            chapter=int(snakemake.wildcards.chapter),
            source=snakemake.input.chapter,
            kind=snakemake.params.recording["kind"],
            index_file=snakemake.input.index,
            labels_file=snakemake.input.labels,
            settings={**snakemake.params.settings, "hwaccel": snakemake.resources.hwaccel},
            resized=snakemake.output.resized,
            full_size=snakemake.output.get("full_size"),
            threads=snakemake.threads,
        )
