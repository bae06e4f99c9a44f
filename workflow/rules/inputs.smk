"""
Look at all input before anything is made of it.

Nothing depends on these two jobs: a rule that did, even by `ancient`, would be hidden from the plan
whenever they run again. They come first because they take every core and the highest priority, and
a run stops when `accept_inputs` fails.
"""


rule check_inputs:
    """Collect every problem in table, sheets and chapters; never fails because of one."""
    input:
        table=ancient(settings.recordings),
        sheets=ancient(SHEETS),
        chapters=ancient(CHAPTERS),
    output:
        report="<results>/check/report.csv",
    log:
        "<logs>/check_inputs.log",
    priority: 100
    conda:
        "../../envs/media.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        annotations=section("annotations"),
        sources=source_identities,
        code=fingerprint.code("check_inputs"),
    script:
        "../scripts/check_inputs.py"


rule accept_inputs:
    """Fail with every error of the report, or note that there is none."""
    input:
        report=rules.check_inputs.output.report,
    output:
        accepted="<results>/check/accepted.json",
    log:
        "<logs>/accept_inputs.log",
    priority: 100
    conda:
        "../../envs/media.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=fingerprint.code("accept_inputs"),
    script:
        "../scripts/accept_inputs.py"
