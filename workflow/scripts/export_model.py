"""Export one model in the forms that other programs read."""

from clapboard import logs

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        from clapboard.learning.exporting import export  # as in train_model.py

        export(
            model=snakemake.input.model,
            labels=snakemake.input.labels,
            folder=snakemake.output.folder,
            seed=snakemake.params.settings["seed"],
        )
