"""How pictures tell classes apart: 32 colours, and a hatching for every eight of them."""

from __future__ import annotations

# Okabe and Ito (2008) without black and grey; the others were searched for, so that no two of all
# are alike to people with normal, protan, deutan or tritan vision. Rows share a hatching.
COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#334433"),
    *("#661188", "#EE3355", "#AA4400", "#EECCFF", "#FF7799", "#00FF99", "#8877FF", "#771155"),
    *("#115522", "#885588", "#FFAACC", "#3322AA", "#99BB77", "#99FF77", "#9977DD", "#999933"),
    *("#994466", "#7744CC", "#772277", "#55DD66", "#667744", "#CCDDBB", "#880011", "#BB22AA"),
)
HATCHINGS = ("", "////", "....", "xxxx", "||||")
"""In matplotlib's signs. Five do not divide the four rows: only class 160 looks like class 0."""

RGB = tuple[float, float, float]


def colour(index: int) -> RGB:
    """Colour of a class, the same in every picture: red, green, blue from 0 to 1."""
    text = COLOURS[index % len(COLOURS)]
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def hatching(index: int) -> str:
    """What is drawn over the colour of a class where there is room; "" for nothing."""
    return HATCHINGS[index // 8 % len(HATCHINGS)]


def ink(index: int) -> str:
    """Colour of what is written or hatched on the colour of a class."""
    red, green, blue = colour(index)
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
