"""Report every problem in the input."""

from pathlib import Path

from clapboard import logs
from clapboard.checks import gate
from clapboard.s3.sources import remembered
from clapboard.sessions.recordings import read_recordings

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        folder = Path(snakemake.output.report).parent
        in_s3 = remembered(folder.with_name("sources"))
        problems = gate.look(
            folder=folder,
            recordings=read_recordings(snakemake.input.table, in_s3),
            settings=snakemake.params.settings,
            known_by=snakemake.params.known_by,
            threads=snakemake.threads,
        )
        gate.accept(problems, snakemake.output.report, snakemake.output.accepted)
