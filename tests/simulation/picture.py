#!/usr/bin/python3
"""Draws what simulate --json wrote: for each scenario renewals an hour and the backlog, day by day.

    picture.py FIGURES.json [FIGURES.json...] > PICTURE.svg"""

import html
import json
import sys

WIDTH, LEFT, RIGHT = 960, 70, 20
UPPER, LOWER, GAP, HEAD, FOOT = 92, 46, 10, 44, 26
PANEL = HEAD + UPPER + GAP + LOWER + FOOT
# Seen as well on white as on black.
TEXT, FRAME, RENEWALS, BACKLOG, EVENT = "#808890", "#80889066", "#3b82c4", "#d9822b", "#a05fb0"
DAY_OF_YEAR_END = (("2027", 61), ("2028", 426))


def shown(number):
    return f"{number:,}".replace(",", " ")


def text(x, y, words, size=12, anchor="start", fill=TEXT, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def points(pairs):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def in_pairs(days):
    """Two days each: as much as can be seen."""
    return [(min(a[0], b[0]), (a[1] + b[1]) / 2, max(a[2], b[2]), max(a[3], b[3]))
            for a, b in zip(days[::2], days[1::2])]


class Panel:
    """One scenario, from `top` downwards."""

    def __init__(self, figures, top):
        self.figures, self.top = figures, top
        self.days = in_pairs(figures["days"])
        self.base = top + HEAD + UPPER
        self.floor = self.base + GAP + LOWER

    def x(self, pair):
        return LEFT + (WIDTH - LEFT - RIGHT) * pair / len(self.days)

    def upper(self, renewals):
        return self.base - UPPER * renewals / max(self.figures["most"], 1)

    def lower(self, backlog):
        return self.floor - LOWER * backlog / max(self.figures["backlog"], 1)

    def title(self):
        f = self.figures
        says = (f"{f['expired']} expired needlessly, {shown(f['refused'])} of {shown(f['orders'])} orders refused, "
                f"{f['in_flight']} in flight at most")
        return [text(LEFT, self.top + 16, f["scenario"], 15, weight="bold"),
                text(LEFT + 100, self.top + 16, f["what"], 13),
                text(LEFT, self.top + 34, says)]

    def axes(self):
        parts = [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{FRAME}"/>' for y in (self.base, self.floor)]
        parts += [text(LEFT - 6, self.base - UPPER + 10, shown(self.figures["most"]), 11, "end", RENEWALS),
                  text(LEFT - 6, self.base, "an hour", 11, "end", RENEWALS),
                  text(LEFT - 6, self.floor - LOWER + 12, shown(self.figures["backlog"]), 11, "end", BACKLOG),
                  text(LEFT - 6, self.floor, "waiting", 11, "end", BACKLOG)]
        for year, day in DAY_OF_YEAR_END:
            x = self.x(day / 2)
            parts += [f'<path d="M{x:.1f} {self.floor:.1f}v5" stroke="{TEXT}"/>',
                      text(x, self.floor + 17, year, 11, "middle")]
        return parts

    def series(self):
        least = [(self.x(i), self.upper(d[0])) for i, d in enumerate(self.days)]
        most = [(self.x(i), self.upper(d[2])) for i, d in enumerate(self.days)]
        median = [(self.x(i), self.upper(d[1])) for i, d in enumerate(self.days)]
        backlog = [(self.x(i), self.lower(d[3])) for i, d in enumerate(self.days)]
        ground = [(self.x(len(self.days) - 1), self.floor), (self.x(0), self.floor)]
        return [f'<polygon points="{points(most + least[::-1])}" fill="{RENEWALS}" fill-opacity="0.35"/>',
                f'<polyline points="{points(median)}" fill="none" stroke="{RENEWALS}" stroke-width="1.2"/>',
                f'<polygon points="{points(backlog + ground)}" fill="{BACKLOG}" fill-opacity="0.8"/>']

    def events(self):
        parts, row = [], 0
        for day, what in sorted(self.figures["events"]):
            x = self.x(day / 2)
            parts += [f'<path d="M{x:.1f} {self.base - UPPER:.1f}V{self.floor:.1f}" stroke="{EVENT}" '
                      f'stroke-dasharray="2 3"/>',
                      text(x - 4, self.base - UPPER + 9 + 12 * row, what, 11, "end", EVENT)]
            row += 1
        return parts

    def draw(self):
        return self.title() + self.axes() + self.series() + self.events()


def main():
    all_figures = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            all_figures += json.load(file)
    height = PANEL * len(all_figures) + 34
    first = all_figures[0]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
          f'font-family="sans-serif">')
    says = f"{shown(first['certificates'])} certificates, two years: renewals an hour (blue: least, median, most of two days)"
    print(text(LEFT, 20, says + " and what waits for a place (orange)"))
    for i, figures in enumerate(all_figures):
        print("\n".join(Panel(figures, 34 + PANEL * i).draw()))
    print("</svg>")


main()
