"""Clapboard: from session recordings and annotation sheets to an evaluated model.

Input is named in config/config.yaml and config/recordings.tsv; docs/architecture.md says what every
rule makes. `snakemake --list-rules` lists them, `snakemake -n` shows what there is to do.
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/mirror.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/video.smk"
include: "workflow/rules/annotations.smk"
include: "workflow/rules/frames.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/s3.smk"


rule all:
    """Everything that the configuration asks for."""
    default_target: True
    input:
        rules.check_inputs.output,
        ALL_FRAMECSV,
        ALL_VIDEOS if settings.video.concatenate and not settings.s3.results else [],
        ALL_FULL_SIZE,
        ALL_DAMAGES,
        ALL_FIGURES,


rule check:
    """Every problem in the input, in one report; fails when there is an error."""
    input:
        rules.check_inputs.output,


rule framecsv:
    """Sheets as frame ranges."""
    input:
        rules.check_inputs.output,
        ALL_FRAMECSV,


rule videos:
    """Chapters joined to one video per recording."""
    input:
        rules.check_inputs.output,
        ALL_VIDEOS,


rule frames:
    """The labelled frames of every recording as pictures."""
    input:
        rules.check_inputs.output,
        ALL_MANIFESTS,
        ALL_FULL_SIZE,


rule dataset:
    """The labelled pictures, sorted by split and label; fails when a split leaks into another."""
    input:
        rules.check_inputs.output,
        DATASET["manifest"],
        DATASET["labels"],
        rules.check_leakage.output.report,
        ALL_DAMAGES,


if settings.s3.results:

    rule shards:
        """The labelled pictures as one WebDataset tar per recording, fetched or made."""
        # By their manifests: a tar that is not here may be in S3. With a command this is a job even
        # when nothing is to be made, so that `take_shards` fetches what it reads.
        input:
            rules.check_inputs.output,
            SHARDS,
        localrule: True
        shell:
            ":"

else:

    rule shards:
        """The labelled pictures as one WebDataset tar per recording."""
        input:
            rules.check_inputs.output,
            expand(rules.pack_shards.output, recording=IN_DATASET),


rule models:
    """Every model of the configuration, trained and evaluated."""
    input:
        rules.check_inputs.output,
        ALL_FIGURES,


rule predict:
    """Timeline, subtitles, review list and overlay of every recording with the split Predict."""
    input:
        rules.check_inputs.output,
        ALL_PREDICTIONS,


rule export:
    """Every model in the forms that other programs read."""
    input:
        rules.check_inputs.output,
        expand(rules.export_model.output.folder, model=settings.models),
