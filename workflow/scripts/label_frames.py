"""Label the frames of one recording."""

from clapboard import logs
from clapboard.labels.labelling import write_labels

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_labels(
            framecsv_file=snakemake.input.framecsv,
            index_file=snakemake.input.index,
            annotations=snakemake.params.annotations,
            frames=snakemake.params.frames,
            output=snakemake.output.labels,
            siblings=list(
                zip(snakemake.input.sibling_framecsv, snakemake.input.sibling_indexes, strict=True)
            ),
            sheet=snakemake.params.recording["annotations"],
        )
