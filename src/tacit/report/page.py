"""Findings into one HTML file: the words and tables as HTML, the figures as data that the page draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import plot
from ..findings import words
from ..plot.style import colour
from .marks import histogram, levels
from .pack import digest, pack, plotly

COLUMNS = 400  # listed on the page, at most
OPEN = 40  # of them in sight at once


class Picture(NamedTuple):
    """A figure of the page: what it shows to those who cannot see it, and how to read it."""

    key: str
    figure: go.Figure
    alt: str
    read: str


def page(findings: Mapping[str, Any]) -> str:
    """The page of these findings.

    It loads nothing: Plotly's script is in it, compressed, and a content security policy forbids every request and
    every script but the two that it names.
    """
    drawn = {p.key: p for p in pictures(findings)}
    figures = {key: _slim(p.figure) for key, p in drawn.items()}
    if findings["conditional"]["columns"]:
        figures["conditional"] = findings["conditional"]
    return rendered(
        "page.html.j2",
        figures,
        f=findings,
        figures=drawn,
        histogram=histogram,
        levels=levels,
        COLUMNS=COLUMNS,
        OPEN=OPEN,
    )


def rendered(template: str, data: Mapping[str, Any], style: str = "", **given: Any) -> str:
    """A page from its template, with script, style and the data of its figures inside."""
    script = "".join(_file(name) for name in ("conditional.js", "page.js")).rstrip("\n")
    library, allowed = plotly()
    environment = Environment(
        loader=PackageLoader("tacit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clip": words.clip,
        "share": words.share,
        "percent": words.percent,
        "count": words.count,
        "colour": colour,
        "capital": words.capital,
    }
    return environment.get_template(template).render(
        packed=pack(json.dumps(data, separators=(",", ":"), allow_nan=False).encode()),
        library=library,
        policy=f"default-src 'none'; script-src {digest(script.encode())} {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:",
        style=_file("page.css") + style,
        script=script,
        **given,
    )


def pictures(f: Mapping[str, Any]) -> list[Picture]:
    """The figures that these findings call for, in the order of the page."""
    groups, map_ = f["groups"], f["map"]
    made = []
    if groups["found"] and any(map(any, groups["effects"]["effect"])):
        top = groups["effects"]["columns"][0]
        made.append(
            Picture(
                "traits",
                plot.traits(f),
                f"How different each group is in each column; {words.clip(top)} differs most.",
                "Each square compares one group with all other rows in one column: 0 means the same distribution, 1 "
                "means that they share no value. Strong colours mark the columns that tell groups apart.",
            )
        )
    if groups["evidence"]:
        made.append(
            Picture(
                "evidence",
                plot.evidence(f),
                "What several parts gain over one, in this table and in tables without groups.",
                "How much better several parts describe the rows than one, once the extra numbers are paid for. Tables "
                "drawn as one cloud gain too, if columns are skewed or correlated; only what goes beyond them speaks "
                "for groups.",
            )
        )
    if len(groups["curve"]) > 1:
        made.append(
            Picture(
                "criterion",
                plot.criterion(f),
                f"The criterion against the number of parts; the number chosen is {groups['parts']}.",
                "Every extra part must pay for the numbers it takes to describe it. The lower, the better; the dashed "
                "line marks the number chosen. ICL also asks that rows belong clearly to one part.",
            )
        )
    if groups["silhouette"] and any(g["values"] for g in groups["silhouette"]["groups"]):
        made.append(
            Picture(
                "silhouette",
                plot.silhouette(f),
                groups["silhouette"]["words"],
                "How near a row is to its own group, compared with the nearest other one, over all columns: 1 is in "
                "the midst of it, 0 between two, below 0 nearer to another. Groups that a few columns tell apart, or "
                "that are spread out, have low bars and may be real all the same.",
            )
        )
    if map_["points"] or (map_["density"] and map_["density"]["x"]):
        made.append(
            Picture(
                "map",
                plot.atlas(f),
                "The rows on two axes, coloured by group.",
                "Rows that are alike in many columns lie close together. The axes are the two directions in which the "
                "rows differ most; the words above say what they mean. A click on a group in the legend hides it.",
            )
        )
    if map_["axes"]:
        made.append(
            Picture(
                "loadings",
                plot.loadings(f),
                " ".join(a["words"] for a in map_["axes"][:2]),
                "Correlations of columns (or levels) with the axis: the longer a bar, the more the column goes along "
                "with it; bars to the left go against it.",
            )
        )
        made.append(
            Picture(
                "scree",
                plot.scree(f),
                f"The share of the variation on each axis; the first has {words.share(map_['scree'][0])}.",
                "How much of all variation each axis shows. The map draws the first two; if the others are nearly as "
                "high, it leaves much out.",
            )
        )
    if f["unlikely"]["surprise"] and len(f["unlikely"]["surprise"]["columns"]) > 1:
        made.append(
            Picture(
                "reasons",
                plot.reasons(f),
                "Which cells make the least likely rows unlikely.",
                "How surprising each cell is once the other cells of its row are known: 10 bits are a value that one "
                "row in a thousand like it would have, or a rarer one. A row without a strong colour is odd as a "
                "whole, in no single cell. White squares are gaps.",
            )
        )
    if f["unlikely"]["histogram"]:
        made.append(
            Picture(
                "scores",
                plot.scores(f),
                "How likely the rows are under the model, with the least likely marked.",
                "Rows to the left are the ones the model finds hardest to explain. A tail that runs far out holds "
                "errors or rarities. The leftmost bar holds all that lie further out.",
            )
        )
    if len(f["relations"]["matrix"]["columns"]) > 2:
        made.append(
            Picture(
                "relations",
                plot.relations(f),
                "How much every two columns tell about each other.",
                "The share of what one column leaves open that the other settles (normalised mutual information): 0 "
                "means nothing, 1 everything. Above the diagonal it is counted in the table, below it is what the "
                "density has learned; where the two differ, the density misses a tie. It does not say which causes "
                "which.",
            )
        )
    if f["synthetic"]["map"]:
        made.append(
            Picture(
                "drawn",
                plot.drawn(f),
                "Rows of the table and synthetic rows on two axes.",
                "The axes are the directions in which the real rows differ most. Where the density has learned the "
                "table, blue lies where grey does: clouds of one colour alone are what it misses or makes up.",
            )
        )
    if len(f["synthetic"]["columns"]) > 1:
        made.append(
            Picture(
                "differences",
                plot.differences(f),
                f"How far synthetic rows are from real ones in each column; most in "
                f"{words.clip(f['synthetic']['columns'][0]['column'])}.",
                "The share of synthetic rows that would have to change to look like the real ones in that column, less "
                "what chance brings. Long bars are columns whose shape the density does not hold.",
            )
        )
    if f["missing"]["columns"]:
        made.append(
            Picture(
                "missing",
                plot.missing(f),
                "The share of missing cells in each column that has any.",
                "Gaps are skipped, not filled: groups and scores rest on the cells that are there.",
            )
        )
    if any("low" in g for g in f["missing"]["filled"]["cells"]):
        made.append(
            Picture(
                "filled",
                plot.filled(f),
                "The intervals in which some missing numbers lie, against all values of their columns.",
                "Dots are what is expected in the gap, lines hold it with a probability of nine in ten; low and "
                "high are the 5 % and 95 % quantiles of the column. The shorter the line, the more the rest of the row "
                "says.",
            )
        )
    return made


def _slim(figure: go.Figure) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(figure.to_json())
    tree["layout"].pop("template", None)
    return tree


@lru_cache
def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
