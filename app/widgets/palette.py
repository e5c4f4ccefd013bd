"""Every colour that stands for data, by role, and the colour maps of overlays.

The qualitative colours are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/), which
stay apart for readers with a colour vision deficiency; the yellow is darkened to olive so that it
is seen on white. `app/.streamlit/config.toml` gives the same ones to Streamlit's own charts. The
browser reads this file's tables through `palette.js`, which `assets` writes.
"""

from __future__ import annotations

from dataclasses import dataclass

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, OLIVE, GREY = "#56B4E9", "#D55E00", "#8C7A00", "#7F7F7F"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, OLIVE, GREY)
"""things that have no order, first to last"""
MUTED = ("#332288", "#AA4499", "#117733", "#661100", "#44AA99")
"""five more, of Tol's (2021) "muted" scheme"""
GROUPS = (*SERIES[:-1], *MUTED)
"""the largest groups of points; grey is left for REST"""

PRIMARY = "#2A6F97"
"""one quantity alone; the theme's own accent"""
FOR, AGAINST = "#D6604D", "#4393C3"
"""what adds to a class and what takes from it"""
MORE, LESS = VERMILION, BLUE
BETTER, WORSE = GREEN, VERMILION
TARGET, RETAINED = VERMILION, BLUE
THRESHOLD = VERMILION
"""a line that somebody chose, as against CHANCE"""
CHANCE = "#8A949A"
"""what no knowledge would reach: guessing, shuffled labels, random directions"""
CONTROL = "#56656D"
"""a run that is like the one beside it but for what it tests"""
REST = "#9AA5AB"
"""everything else: all further groups, the state before, the split that was trained on"""
KEPT, REMOVED = "#35B779", "#E07B54"
"""cells of the token grid that somebody marked"""
ALARM = "#B3261E"
SOFT = "#6F7682"
"""letters of a row that is no entry of the table but is there to hold others against"""


@dataclass(frozen=True)
class ColourMap:
    """Colours at even steps from the lowest value to the highest, as RRGGBB with blanks between.

    Of a signed map the middle step is 0 and both ends are equally far from it. An overlay fades
    to nothing at 0, whatever the colour there.
    """

    title: str
    stops: str
    signed: bool = False

    def rgb(self) -> list[tuple[int, ...]]:
        """Red, green and blue of each step, 0 to 255."""
        return [tuple(bytes.fromhex(stop)) for stop in self.stops.split()]

    def plotly(self) -> list[str]:
        """As plotly takes a `colorscale`."""
        return [f"#{stop}" for stop in self.stops.split()]


MAPS: dict[str, ColourMap] = {
    "viridis": ColourMap(
        "Viridis", "440154 482475 414487 355F8D 2A788E 21918C 22A884 44BF70 7AD151 BDDF26 FDE725"
    ),
    "red-blue": ColourMap(
        "Red and blue",
        "053061 2166AC 4393C3 92C5DE D1E5F0 F7F7F7 FDDBC7 F4A582 D6604D B2182B 67001F",
        signed=True,
    ),
}
"""The first of either kind, signed or not, is what a page opens with. A line here is all that a
further map takes: from two of a kind on, every overlay has a choice "Colours"."""


def standard(*, signed: bool) -> ColourMap:
    """The map that a page opens with."""
    return next(m for m in MAPS.values() if m.signed == signed)


def faint(colour: str, opacity: float) -> str:
    """The colour with the ground showing through; opacity 0..1."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgba({red},{green},{blue},{opacity:g})"
