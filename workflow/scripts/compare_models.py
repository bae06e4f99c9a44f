"""Compare all models on the same frames."""

from collections import defaultdict

from clapboard import logs
from clapboard.learning.comparison import compare_models

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        files = defaultdict(list)
        for model, file in zip(snakemake.params.models, snakemake.input.predictions, strict=True):
            files[model].append(file)
        compare_models(
            predictions=files,
            comparison=snakemake.output.comparison,
            boxes=snakemake.output.boxes,
            seed=snakemake.params.seed,
            background=snakemake.params.annotations["background"],
        )
