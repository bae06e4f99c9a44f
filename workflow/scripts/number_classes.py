"""Give every label its class index."""

from clapboard import logs
from clapboard.dataset.shards import number_classes

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        ids = [recording["id"] for recording in snakemake.params.recordings]
        number_classes(
            recordings=snakemake.params.recordings,
            labels_files=dict(zip(ids, snakemake.input.labels, strict=True)),
            unseen=snakemake.params.settings["unseen"],
            labels=snakemake.output.labels,
        )
