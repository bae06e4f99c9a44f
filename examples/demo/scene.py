"""The demo's pictures: a patient on a stretcher seen from above, and a pair of hands at work."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 320, 180
# Drawn at twice the size and halved: smooth edges without anti-aliasing in the drawing itself.
SCALE = 2

Point = tuple[float, float]
Colour = tuple[int, int, int]

GLOVE: Colour = (104, 92, 190)
SLEEVE: Colour = (44, 110, 120)


@dataclass(frozen=True)
class Look:
    """What differs between recordings: the subject's appearance and the camera's view."""

    skin: Colour
    hair: Colour
    gown: Colour
    floor: Colour
    mirrored: bool
    zoom: float
    shift: Point
    tempo: float

    @classmethod
    def of(cls, subject: int, camera: int) -> Look:
        """The look of one recording, the same at every call."""
        chance = random.Random(subject)
        skins = [(236, 196, 165), (205, 150, 112), (141, 92, 62), (247, 214, 190), (172, 118, 82)]
        gowns = [
            (150, 190, 214),
            (176, 206, 168),
            (214, 188, 150),
            (190, 176, 212),
            (206, 206, 206),
        ]
        hairs = [(60, 42, 30), (30, 28, 28), (150, 100, 50), (110, 110, 114), (90, 50, 30)]
        tempo = chance.uniform(0.85, 1.15)
        shift = (chance.uniform(-10, 10), chance.uniform(-8, 8))
        floors = [(206, 210, 208), (188, 196, 204)]
        return cls(
            skin=skins[subject % 5],
            hair=hairs[(3 * subject) % 5],
            gown=gowns[(2 * subject) % 5],
            floor=floors[camera - 1],
            mirrored=camera == 2,
            zoom=1.0 if camera == 1 else 0.88,
            shift=shift if camera == 1 else (shift[0] + 14, shift[1] + 16),
            tempo=tempo,
        )


class Stage:
    """Draws in a fixed 320 x 180 plan and places it where this camera sees it."""

    def __init__(self, image: Image.Image, look: Look) -> None:
        self.draw = ImageDraw.Draw(image)
        self.look = look

    def place(self, point: Point) -> Point:
        """Pixel of a point of the plan."""
        x, y = point
        x = WIDTH - x if self.look.mirrored else x
        x = WIDTH / 2 + (x - WIDTH / 2) * self.look.zoom + self.look.shift[0]
        y = HEIGHT / 2 + (y - HEIGHT / 2) * self.look.zoom + self.look.shift[1]
        return x * SCALE, y * SCALE

    def length(self, value: float) -> float:
        """Pixels of a length in the plan."""
        return value * SCALE * self.look.zoom

    def disc(self, centre: Point, radius: float, fill: Colour, ratio: float = 1.0) -> None:
        """A filled ellipse; `ratio` is its height to its width."""
        x, y = self.place(centre)
        across, down = self.length(radius), self.length(radius * ratio)
        self.draw.ellipse((x - across, y - down, x + across, y + down), fill=fill)

    def box(self, corner: Point, opposite: Point, fill: Colour, radius: float = 0) -> None:
        """A filled rectangle with rounded corners."""
        (x1, y1), (x2, y2) = self.place(corner), self.place(opposite)
        bounds = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        self.draw.rounded_rectangle(bounds, self.length(radius), fill=fill)

    def limb(self, start: Point, end: Point, width: float, fill: Colour) -> None:
        """A thick line with round ends."""
        a, b = self.place(start), self.place(end)
        self.draw.line((a, b), fill=fill, width=round(self.length(width)))
        for point in (start, end):
            self.disc(point, width / 2, fill)

    def hand(self, centre: Point, origin: Point) -> None:
        """A gloved hand on an arm that comes from `origin` at the edge of the picture."""
        self.limb(origin, centre, 15, SLEEVE)
        self.disc(centre, 10, GLOVE)


def background(look: Look, name: str) -> Image.Image:
    """Floor, stretcher and patient: all that does not move."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), look.floor)
    stage = Stage(image, look)
    grout = tuple(value - 12 for value in look.floor)
    for x in range(-40, 400, 40):
        stage.draw.line((stage.place((x, -40)), stage.place((x, 240))), fill=grout, width=2)
    for y in range(-40, 240, 40):
        stage.draw.line((stage.place((-60, y)), stage.place((400, y))), fill=grout, width=2)
    stage.box((30, 44), (292, 128), (120, 126, 134), 12)
    stage.box((34, 48), (288, 124), (232, 236, 240), 10)
    stage.box((38, 62), (84, 110), (250, 250, 252), 8)
    for side in (-1, 1):
        stage.limb((186, 86 + 9 * side), (268, 86 + 12 * side), 15, (82, 92, 120))
        stage.disc((274, 86 + 12 * side), 8, (50, 50, 56))
        stage.limb((106, 86 + 27 * side), (172, 86 + 31 * side), 10, look.skin)
    stage.box((94, 60), (192, 112), look.gown, 18)
    stage.disc((66, 86), 17, look.hair)
    stage.disc((70, 86), 15, look.skin)
    stage.box((236, 10), (286, 38), (38, 42, 48), 4)
    stage.draw.text((8, HEIGHT * SCALE - 26), name, fill=(70, 76, 84), font_size=20)
    return image


def picture(static: Image.Image, look: Look, action: str, seconds: float) -> Image.Image:
    """One frame.

    Args:
        static: what `background` gave for this look.
        look: of the recording.
        action: a key of `ACTIONS`, ``clap``, or empty for hands at rest.
        seconds: since the action began, negative before the clap.
    """
    image = static.copy()
    stage = Stage(image, look)
    _monitor(stage, seconds)
    ACTIONS.get(action, _rest)(stage, seconds * look.tempo)
    return image.reduce(SCALE)


def _monitor(stage: Stage, seconds: float) -> None:
    points = []
    for step in range(44):
        phase = (step / 22 + seconds) % 1
        height = 9 if 0.42 < phase < 0.47 else -4 if 0.47 <= phase < 0.52 else 0
        points.append(stage.place((239 + step, 26 - height)))
    stage.draw.line(points, fill=(90, 230, 130), width=3)


def _rest(stage: Stage, seconds: float) -> None:
    sway = 3 * math.sin(2 * seconds)
    stage.hand((130 + sway, 160), (120, 200))
    stage.hand((186 - sway, 161), (196, 200))


def _clap(stage: Stage, seconds: float) -> None:
    """A clapperboard that closes at zero."""
    opening = 32 * min(1.0, max(0.0, -seconds * 2.5))
    stage.box((118, 76), (206, 136), (34, 36, 42), 4)
    for stripe in range(4):
        stage.box((122 + 22 * stripe, 82), (132 + 22 * stripe, 90), (240, 240, 240))
    stage.limb((120, 72), (202, 72 - opening), 9, (34, 36, 42))
    for stripe in (0.2, 0.5, 0.8):
        x, y = 120 + 82 * stripe, 72 - opening * stripe
        stage.limb((x - 4, y + 2), (x + 4, y - 2), 3, (240, 240, 240))
    stage.hand((108, 112), (84, 200))


def _bagging(stage: Stage, seconds: float) -> None:
    squeeze = 0.5 - 0.5 * math.cos(2 * math.pi * 0.6 * seconds)
    stage.disc((78, 86), 10, (222, 240, 244))
    stage.disc((112, 86), 21 - 5 * squeeze, (40, 168, 150), 0.62)
    stage.hand((76, 70), (30, -20))
    stage.hand((116, 96 - 4 * squeeze), (130, 200))


def _compressions(stage: Stage, seconds: float) -> None:
    press = 0.5 - 0.5 * math.cos(2 * math.pi * 1.8 * seconds)
    stage.disc((142, 86), 25 - 4 * press, tuple(round(c * 0.8) for c in stage.look.gown))
    stage.hand((142, 90 - 7 * press), (112, 200))
    stage.hand((145, 84 - 7 * press), (176, 200))


def _tourniquet(stage: Stage, seconds: float) -> None:
    turn = 2 * math.pi * 0.5 * seconds
    stage.box((126, 109), (138, 126), (236, 120, 30), 3)
    across, along = 15 * math.cos(turn), 9 * math.sin(turn)
    stage.limb((132 - across, 116 - along), (132 + across, 116 + along), 4, (30, 30, 30))
    stage.hand((132 + across * 1.4, 118 + along), (150, 200))
    stage.hand((112, 132), (90, 200))


def _splinting(stage: Stage, seconds: float) -> None:
    stage.box((196, 92), (276, 108), (214, 172, 60), 4)
    wraps = min(6, int(1 + 1.6 * seconds))
    for wrap in range(wraps):
        stage.box((202 + 12 * wrap, 89), (208 + 12 * wrap, 111), (250, 250, 250), 2)
    reach = 202 + 12 * wraps
    stage.hand((reach, 98 + 9 * math.sin(6 * seconds)), (reach + 20, 200))
    stage.hand((192, 112), (176, 200))


def _line(stage: Stage, seconds: float) -> None:
    stage.box((196, 8), (216, 36), (206, 60, 70), 5)
    stage.limb((206, 36), (190, 50), 2, (190, 30, 40))
    stage.limb((190, 50), (158, 56), 2, (190, 30, 40))
    push = 6 * (0.5 + 0.5 * math.sin(2.2 * seconds))
    stage.limb((150, 54 - push), (150, 36 - push), 6, (240, 244, 250))
    stage.hand((150, 34 - push), (128, -24))
    stage.hand((172, 58), (178, -24))


ACTIONS = {
    "clap": _clap,
    "BAGGING": _bagging,
    "COMPRESSIONS": _compressions,
    "TOURNIQUET": _tourniquet,
    "SPLINTING": _splinting,
    "IV/IO LINE": _line,
}
