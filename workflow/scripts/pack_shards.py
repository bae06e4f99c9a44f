"""Pack the labelled pictures of one recording."""

from clapboard import logs
from clapboard.dataset.shards import pack_shard

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        pack_shard(
            recording=snakemake.params.recording,
            labels_file=snakemake.input.labels,
            manifests=list(snakemake.input.manifests),
            shard=snakemake.output.shard,
            manifest=snakemake.output.manifest,
        )
