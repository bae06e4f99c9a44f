"""The labelled set: classes, links, leakage, proof."""
