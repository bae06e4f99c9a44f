"""Measurements behind the defaults and the promises of docs/performance.md."""
