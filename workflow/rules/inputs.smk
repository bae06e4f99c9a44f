"""
The gate: no job of any target starts while another run works in the same folder, or the input has
an error (see `clapboard.running`, `clapboard.checks.gate`).
"""

from clapboard import running

running.lead_jobs()


onstart:
    open_gate()
    take_shards()


rule check_inputs:
    """Report every problem in table, sheets and chapters; fail when one is an error."""
    input:
        table=ancient(settings.recordings),
        sheets=ancient(SHEETS),
        chapters=ancient([path for path in CHAPTERS if path not in ORIGINS]),
    output:
        report="<results>/check/report.csv",
        accepted="<results>/check/accepted.json",
    log:
        "<logs>/check_inputs.log",
    localrule: True
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        settings=check_settings,
        known_by=known_by,
    script:
        "../scripts/check_inputs.py"
