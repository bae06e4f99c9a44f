"""Train one model."""

from pathlib import Path

from clapboard import logs
from clapboard.allocator import give_back_memory

if __name__ == "__main__":
    give_back_memory()
    size = snakemake.params.settings["batch_size"]
    with logs.job(snakemake.log[0], f"batch_size ({size}) of the model, or frames.size"):
        from clapboard.learning.workers import train_on  # TensorFlow's notices belong into the log

        train_on(
            nodes=snakemake.resources.get("nodes", 1),
            manifest=snakemake.input.manifest,
            labels=snakemake.input.labels,
            data_folder=Path(snakemake.input.manifest).parent,
            settings=snakemake.params.settings,
            model=snakemake.output.model,
            history=snakemake.output.history,
            curves=snakemake.output.curves,
            summary=snakemake.output.summary,
            code=snakemake.params.code,
            threads=snakemake.threads,
            features={Path(file).stem: file for file in snakemake.input.features},
            shards={Path(file).stem: file for file in snakemake.input.shards},
            test_subject=snakemake.wildcards.get("subject"),
            start=next(iter(snakemake.input.start), None),
            lend=snakemake.params.lend,
            ignored=snakemake.params.ignored,
        )
