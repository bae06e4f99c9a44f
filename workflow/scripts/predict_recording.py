"""Recognise one recording."""

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    size = snakemake.params.settings["batch_size"]
    with logs.job(snakemake.log[0], f"batch_size ({size}) of the model, or frames.size"):
        from clapboard.learning.prediction import predict  # as in train_model.py

        predict(
            recording=snakemake.wildcards.recording,
            manifests=list(snakemake.input.manifests),
            labels=snakemake.input.labels,
            model=snakemake.input.model,
            settings=snakemake.params.settings,
            probabilities=snakemake.output.probabilities,
            features=snakemake.input.get("features"),
            threads=snakemake.threads,
        )
