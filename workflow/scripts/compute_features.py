"""Compute the features of one recording."""

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    with logs.job(snakemake.log[0]):
        from clapboard.learning.features import compute_features  # as in train_model.py

        compute_features(
            manifests=list(snakemake.input.manifests),
            settings=snakemake.params.settings,
            features=snakemake.output.features,
            threads=snakemake.threads,
        )
