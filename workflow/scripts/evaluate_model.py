"""Evaluate one model on the test subjects."""

from pathlib import Path

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    size = snakemake.params.settings["batch_size"]
    with logs.job(snakemake.log[0], f"batch_size ({size}) of the model, or frames.size"):
        from clapboard.learning.evaluation import (
            evaluate,
        )  # TensorFlow's notices belong into the log

        evaluate(
            model=snakemake.input.model,
            manifest=snakemake.input.manifest,
            labels=snakemake.input.labels,
            data_folder=Path(snakemake.input.manifest).parent,
            settings=snakemake.params.settings,
            predictions=snakemake.output.predictions,
            metrics=snakemake.output.metrics,
            confusion=snakemake.output.confusion,
            threads=snakemake.threads,
            features={Path(file).stem: file for file in snakemake.input.features},
            shards={Path(file).stem: file for file in snakemake.input.shards},
            test_subject=snakemake.wildcards.get("subject"),
            background=snakemake.params.annotations["background"],
            pictures={
                kind: file
                for kind, file in snakemake.output.items()
                if kind not in ("predictions", "metrics", "confusion")
            },
        )
