"""Look for pictures that two splits share by their looks."""

from pathlib import Path

from clapboard import logs
from clapboard.dataset.lookalikes import write_leakage

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_leakage(
            manifest=snakemake.input.manifest,
            apart=snakemake.params.apart,
            limit=snakemake.params.limit,
            allowed=snakemake.params.allowed,
            report=snakemake.output.report,
            threads=snakemake.threads,
            shards={Path(file).stem: file for file in snakemake.input.shards},
        )
