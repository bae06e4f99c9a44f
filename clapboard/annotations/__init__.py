"""Annotation sheets: one module per format, all read into one `Sheet`."""
