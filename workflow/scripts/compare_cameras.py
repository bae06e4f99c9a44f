"""Compare the clocks of cameras that filmed together."""

from clapboard import logs
from clapboard.timing.sync_files import write_camera_drift

if __name__ == "__main__":
    with logs.job(snakemake.log[0]):
        write_camera_drift(
            recordings=snakemake.params.recordings,
            syncs=list(snakemake.input.syncs),
            output=snakemake.output.drift,
        )
