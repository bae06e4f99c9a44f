"""Accept the input, or fail with every error in it."""

from clapboard import logs
from clapboard.inputs import accept

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        accept(report_file=snakemake.input.report, output=snakemake.output.accepted)
