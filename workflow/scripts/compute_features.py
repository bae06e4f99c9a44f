"""Compute the features of one recording."""

from clapboard import logs

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        from clapboard.learning.features import compute_features  # as in train_model.py

        compute_features(
            manifests=list(snakemake.input.manifests),
            settings=snakemake.params.settings,
            features=snakemake.output.features,
            threads=snakemake.threads,
        )
