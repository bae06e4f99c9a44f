"""Chapters that the table of recordings names in S3, fetched when a job reads them."""

if settings.s3.fetch == "storage_plugin":

    storage:
        provider="s3",
        endpoint_url=settings.s3.endpoint or None,
        retries=settings.s3.tries,


rule fetch_chapter:
    """Bring a chapter from S3, whole or not at all; a killed fetch goes on where it stopped."""
    input:
        unpack(brought),
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
        # No digest of the code, and no endpoint: what was fetched is compared with its entity tag.
        origin=origin,
    script:
        "../scripts/fetch_chapter.py"
