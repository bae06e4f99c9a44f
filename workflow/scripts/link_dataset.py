"""Bring the dataset in line with labels and store."""

from pathlib import Path

from clapboard import logs
from clapboard.dataset.tree import write_dataset

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        ids = [recording["id"] for recording in snakemake.params.recordings]
        manifests = {id: [] for id in ids}
        for manifest in snakemake.input.manifests:
            manifests[Path(manifest).parts[-3]].append(manifest)
        write_dataset(
            recordings=snakemake.params.recordings,
            labels_files=dict(zip(ids, snakemake.input.labels, strict=True)),
            manifests=manifests,
            unseen=snakemake.params.settings["unseen"],
            folder=Path(snakemake.output.manifest).parent,
        )
