"""Report every problem in the input."""

from pathlib import Path

from clapboard import logs
from clapboard.checks import gate
from clapboard.sessions.recordings import read_recordings

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        problems = gate.look(
            folder=Path(snakemake.output.report).parent,
            recordings=read_recordings(snakemake.input.table),
            settings=snakemake.params.settings,
            known_by=snakemake.params.known_by,
            threads=snakemake.threads,
        )
        gate.accept(problems, snakemake.output.report, snakemake.output.accepted)
