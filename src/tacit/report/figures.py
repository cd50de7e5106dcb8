"""The figures of the page: when each is there, what it shows to those who cannot see it, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import plotly.graph_objects as go

from .. import plot
from ..findings import words

Findings = Mapping[str, Any]


class Picture(NamedTuple):
    """A figure of the page: what it shows to those who cannot see it, and how to read it."""

    key: str
    figure: go.Figure
    alt: str
    read: str


class Kind(NamedTuple):
    """A figure that findings may call for."""

    key: str
    there: Callable[[Findings], Any]  # whether they do
    draw: Callable[[Findings], go.Figure]
    alt: Callable[[Findings], str]
    read: str


def pictures(f: Findings) -> list[Picture]:
    """The figures that these findings call for, in the order of the page."""
    return [Picture(kind.key, kind.draw(f), kind.alt(f), kind.read) for kind in KINDS if kind.there(f)]


KINDS = (
    Kind(
        "traits",
        lambda f: f["groups"]["found"] and any(map(any, f["groups"]["effects"]["effect"])),
        plot.traits,
        lambda f: (
            "How different each group is in each column; "
            f"{words.clip(f['groups']['effects']['columns'][0])} differs most."
        ),
        "Each square compares one group with all other rows in one column: 0 means the same distribution, 1 "
        "means that they share no value. Strong colours mark the columns that tell groups apart.",
    ),
    Kind(
        "evidence",
        lambda f: f["groups"]["evidence"],
        plot.evidence,
        lambda _: "What several parts gain over one, in this table and in tables without groups.",
        "How much better several parts describe the rows than one, once the extra numbers are paid for. Tables "
        "drawn as one cloud gain too, if columns are skewed or correlated; only what goes beyond them speaks "
        "for groups.",
    ),
    Kind(
        "criterion",
        lambda f: len(f["groups"]["curve"]) > 1,
        plot.criterion,
        lambda f: f"The criterion against the number of parts; the number chosen is {f['groups']['parts']}.",
        "Every extra part must pay for the numbers it takes to describe it. The lower, the better; the dashed "
        "line marks the number chosen. ICL also asks that rows belong clearly to one part.",
    ),
    Kind(
        "silhouette",
        lambda f: f["groups"]["silhouette"] and any(g["values"] for g in f["groups"]["silhouette"]["groups"]),
        plot.silhouette,
        lambda f: f["groups"]["silhouette"]["words"],
        "How near a row is to its own group, compared with the nearest other one, over all columns: 1 is in "
        "the midst of it, 0 between two, below 0 nearer to another. Groups that a few columns tell apart, or "
        "that are spread out, have low bars and may be real all the same.",
    ),
    Kind(
        "map",
        lambda f: f["map"]["points"] or (f["map"]["density"] and f["map"]["density"]["x"]),
        plot.atlas,
        lambda _: "The rows on two axes, coloured by group.",
        "Rows that are alike in many columns lie close together. The axes are the two directions in which the "
        "rows differ most; the words above say what they mean. A click on a group in the legend hides it.",
    ),
    Kind(
        "loadings",
        lambda f: f["map"]["axes"],
        plot.loadings,
        lambda f: " ".join(a["words"] for a in f["map"]["axes"][:2]),
        "Correlations of columns (or levels) with the axis: the longer a bar, the more the column goes along "
        "with it; bars to the left go against it.",
    ),
    Kind(
        "scree",
        lambda f: f["map"]["axes"],
        plot.scree,
        lambda f: f"The share of the variation on each axis; the first has {words.share(f['map']['scree'][0])}.",
        "How much of all variation each axis shows. The map draws the first two; if the others are nearly as "
        "high, it leaves much out.",
    ),
    Kind(
        "reasons",
        lambda f: f["unlikely"]["surprise"] and len(f["unlikely"]["surprise"]["columns"]) > 1,
        plot.reasons,
        lambda _: "Which cells make the least likely rows unlikely.",
        "How surprising each cell is once the other cells of its row are known: 10 bits are a value that one "
        "row in a thousand like it would have, or a rarer one. A row without a strong colour is odd as a "
        "whole, in no single cell. White squares are gaps.",
    ),
    Kind(
        "scores",
        lambda f: f["unlikely"]["histogram"],
        plot.scores,
        lambda _: "How likely the rows are under the model, with the least likely marked.",
        "Rows to the left are the ones the model finds hardest to explain. A tail that runs far out holds "
        "errors or rarities. The leftmost bar holds all that lie further out.",
    ),
    Kind(
        "relations",
        lambda f: len(f["relations"]["matrix"]["columns"]) > 2,
        plot.relations,
        lambda _: "How much every two columns tell about each other.",
        "The share of what one column leaves open that the other settles (normalised mutual information): 0 "
        "means nothing, 1 everything. Above the diagonal it is counted in the table, below it is what the "
        "density has learned; where the two differ, the density misses a tie. It does not say which causes "
        "which.",
    ),
    Kind(
        "drawn",
        lambda f: f["synthetic"]["map"],
        plot.drawn,
        lambda _: "Rows of the table and synthetic rows on two axes.",
        "The axes are the directions in which the real rows differ most. Where the density has learned the "
        "table, blue lies where grey does: clouds of one colour alone are what it misses or makes up.",
    ),
    Kind(
        "differences",
        lambda f: len(f["synthetic"]["columns"]) > 1,
        plot.differences,
        lambda f: (
            f"How far synthetic rows are from real ones in each column; most in "
            f"{words.clip(f['synthetic']['columns'][0]['column'])}."
        ),
        "The share of synthetic rows that would have to change to look like the real ones in that column, less "
        "what chance brings. Long bars are columns whose shape the density does not hold.",
    ),
    Kind(
        "missing",
        lambda f: f["missing"]["columns"],
        plot.missing,
        lambda _: "The share of missing cells in each column that has any.",
        "Gaps are skipped, not filled: groups and scores rest on the cells that are there.",
    ),
    Kind(
        "filled",
        lambda f: any("low" in g for g in f["missing"]["filled"]["cells"]),
        plot.filled,
        lambda _: "The intervals in which some missing numbers lie, against all values of their columns.",
        "Dots are what is expected in the gap, lines hold it with a probability of nine in ten; low and "
        "high are the 5 % and 95 % quantiles of the column. The shorter the line, the more the rest of the row "
        "says.",
    ),
)
