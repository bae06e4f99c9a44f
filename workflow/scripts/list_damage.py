"""List the frames that damage has cost."""

from pathlib import Path

from clapboard import logs
from clapboard.dataset.damages import write_damages

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        ids = [recording["id"] for recording in snakemake.params.recordings]
        manifests = {id: [] for id in ids}
        for manifest in snakemake.input.manifests:
            manifests[Path(manifest).parts[-3]].append(manifest)
        write_damages(
            recordings=snakemake.params.recordings,
            labels_files=dict(zip(ids, snakemake.input.labels, strict=True)),
            manifests=manifests,
            output=snakemake.output.damaged,
        )
