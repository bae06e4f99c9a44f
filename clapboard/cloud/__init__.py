"""Rented machines: the task for SkyPilot, what runs on the node, and a run over ssh."""
