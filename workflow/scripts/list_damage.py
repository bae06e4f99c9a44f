"""List the frames that damage has cost."""

from pathlib import Path

from clapboard import logs
from clapboard.dataset.damages import write_damages

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        ids = [recording["id"] for recording in snakemake.params.recordings]
        manifests = {id: [] for id in ids}
        for manifest in snakemake.input.manifests:
            path = Path(manifest)  # shards/{id}.parquet or resized/{id}/{chapter}/manifest.parquet
            id = path.stem if path.parent.name == "shards" else path.parts[-3]
            manifests[id].append(manifest)
        write_damages(
            recordings=snakemake.params.recordings,
            labels_files=dict(zip(ids, snakemake.input.labels, strict=True)),
            manifests=manifests,
            output=snakemake.output.damaged,
        )
