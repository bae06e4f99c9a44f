"""Sum up a model over the subjects left out."""

from clapboard import logs
from clapboard.learning.loso import summarise_folds

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        subjects = snakemake.params.subjects
        summarise_folds(
            predictions=dict(zip(subjects, snakemake.input.predictions, strict=True)),
            summary=snakemake.output.summary,
            table=snakemake.output.table,
            seed=snakemake.params.settings["seed"],
            background=snakemake.params.annotations["background"],
            confusion=snakemake.output.confusion,
            bars=snakemake.output.bars,
            confusion_without=snakemake.output.get("confusion_without_background"),
        )
