"""Chapters as the camera wrote them: packets, clock, joins, decoding, pixels."""
