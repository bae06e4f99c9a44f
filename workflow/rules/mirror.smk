"""
Results in S3: what another machine has made is taken up, what is made here is handed over.

Nothing of this is imported unless `s3.results` is set (see `clapboard.s3.results`).
"""


def take_up():
    """Before anything is planned: what another machine has made, if nothing is here yet."""
    or_end_saying_why("take_up", Path(settings.results))


def take_shards():
    """Before the first job: the shards that jobs of this run read and none of them makes."""
    if not settings.s3.results:
        return
    jobs = list(workflow.dag.needrun_jobs())
    shards = {f"{settings.results}/shards/{id}.parquet" for id in IN_DATASET}
    read = shards & {path for job in jobs for path in job.input}
    made = {path for job in jobs for path in job.output}
    or_end_saying_why("take_shards", Path(settings.results), read - made)


def hand_over():
    """At the end of a run, however it ended."""
    if settings.s3.results:
        or_end_saying_why("hand_over", Path(settings.results))


def or_end_saying_why(name, *arguments):
    """Do something of `clapboard.s3.results`, or end with its problems."""
    from clapboard.s3 import results  # takes a second, and most projects have no bucket

    try:
        getattr(results, name)(section("s3"), *arguments)
    except InputError as error:
        sys.exit(str(error))


if settings.s3.results and workflow.is_main_process:
    take_up()


onsuccess:
    hand_over()


onerror:
    hand_over()
