"""Frames in a bucket: labelled by server-side copy, resized in flight, brought up and down.

Every operation is planned first (`clapboard.s3.plan.Plan`), runs many requests at once, goes on
where it stopped, and ends by writing its receipt: a prefix without one is not finished.
"""
