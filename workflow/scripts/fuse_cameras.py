"""Measure all cameras of a session together, beside each by itself."""

from clapboard import logs
from clapboard.learning.cameras import measure_fusion

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        measure_fusion(
            predictions=list(snakemake.input.predictions),
            syncs=dict(zip(snakemake.params.recordings, snakemake.input.syncs, strict=True)),
            output=snakemake.output.figures,
            seed=snakemake.params.settings["seed"],
            background=snakemake.params.annotations["background"],
        )
