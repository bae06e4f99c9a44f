"""Clapboard: from session recordings and an annotation sheet to a procedure-recognition model."""

__version__ = "0.1.0"
