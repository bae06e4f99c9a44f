"""
Results in S3: what another machine has made is taken up, what is made here is handed over.

Nothing of this is imported unless `s3.results` is set (see `clapboard.s3.mirror`).
"""

if settings.s3.results and workflow.is_main_process:
    take_up()


onsuccess:
    hand_over()


onerror:
    hand_over()
