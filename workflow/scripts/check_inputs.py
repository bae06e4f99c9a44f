"""Report every problem in the input."""

from clapboard import inputs, logs
from clapboard.recordings import read_recordings

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        problems = inputs.check_inputs(
            annotations=snakemake.params.annotations,
            recordings=read_recordings(snakemake.input.table),
            threads=snakemake.threads,
        )
        inputs.write_report(problems, snakemake.output.report)
