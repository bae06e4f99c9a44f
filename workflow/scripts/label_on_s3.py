"""Copy labelled frames to their class folders in the bucket."""

from clapboard import logs
from clapboard.s3.jobs import LabelOnS3, perform

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        job = LabelOnS3(
            settings=snakemake.params.settings,
            recordings=snakemake.params.recordings,
            labels_files=snakemake.input.labels,
            indexes=snakemake.input.indexes,
            unseen=snakemake.params.annotations["unseen"],
        )
        perform(job, snakemake.params.done)
