"""Chapters that the table of recordings names in S3, fetched when a job reads them."""


rule fetch_chapter:
    """Bring a chapter from S3, whole or not at all; a killed fetch goes on where it stopped."""
    output:
        chapter="<results>/sources/{object}",
    log:
        "<logs>/fetch_chapter/{object}.log",
    benchmark:
        "<benchmarks>/fetch_chapter/{object}.tsv"
    wildcard_constraints:
        object="|".join(
            re.escape(path.removeprefix(f"{settings.results}/sources/")) for path in ORIGINS
        )
        or "(?!)",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(240),
    params:
        origin=origin,
        # No digest of the code: what was fetched has been compared with its entity tag.
        endpoint=settings.s3.endpoint,
    script:
        "../scripts/fetch_chapter.py"
