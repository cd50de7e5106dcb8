"""``tacit fit joint TABLE -o FILE``: one density of a whole table, told in words."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from . import tables
from .console import out, progress
from .facts import finish
from .options import (
    DEFAULT_FILE,
    AsJson,
    Columns,
    LeastGain,
    ModelFile,
    Scheduler,
    Seed,
    Starts,
    Steps,
    TablePath,
    Types,
    or_auto,
)

EXAMPLE = "tacit fit joint sample:tips -o tips.tacit"
_PHASES = {
    "components": "Looking for components",
    "groups": "Looking for groups",
    "density": "Growing the density",
    "fit": "Fitting all rows",
}


class Criterion(StrEnum):
    """What chooses the number of components."""

    groups = "groups"
    bic = "bic"
    icl = "icl"
    aic = "aic"


def joint(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_components: Annotated[str, typer.Option(metavar="N|auto", help="Number of groups.")] = "auto",
    criterion: Annotated[Criterion, typer.Option(help="What auto goes by.")] = Criterion.groups,
    max_components: Annotated[int, typer.Option(min=1, help="The most that auto tries.")] = 15,
    n_parts: Annotated[
        str, typer.Option(metavar="N|auto|none", help="Products of the density: as many as held-out rows ask for.")
    ] = "auto",
    n_averaged: Annotated[int, typer.Option(min=1, help="Densities that are grown apart and averaged.")] = 1,
    families: Annotated[
        str | None, typer.Option(metavar="COLUMN=FAMILY,...", help="Overrule: income=lognormal,gain=zero+gamma.")
    ] = None,
    n_init: Starts = 3,
    tol: LeastGain = 1e-5,
    max_iter: Steps = 200,
    smoothing: Annotated[float, typer.Option(min=0, help="Rows that every part starts with.")] = 1.0,
    reg: Annotated[float, typer.Option(min=0, help="Least variance of a part, as a share of the column's.")] = 1e-3,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """One density of all columns: numbers, categories and gaps, to be asked by tacit query."""
    from tacit import JointMixture

    tables.check_output(output)
    model = JointMixture(
        or_auto(n_components, int, "--n-components"),
        criterion=criterion.value,
        max_components=max_components,
        n_parts=None if n_parts == "none" else or_auto(n_parts, int, "--n-parts"),
        n_averaged=n_averaged,
        families=_families(families) if families else None,
        n_init=n_init,
        tol=tol,
        max_iter=max_iter,
        smoothing=smoothing,
        reg=reg,
        random_state=seed,
    )
    with tables.mixed(table, types, columns, scheduler) as (rows, n), progress(_PHASES) as tell:
        model._fit(rows, tell=tell)
    if as_json:
        finish(model, output, as_json)
        return
    model.save(output)
    for line in _in_words(model, n, output):
        out.print(escape(line), highlight=False)


def _in_words(model: Any, n: int, output: Path) -> Iterator[str]:
    """What the model is of, where it is, and a question to begin with."""
    schema = model.schema_
    learned = [c for c in schema.columns if c not in schema.left_out]
    groups, parts = model.n_components_, len(model.part_weights_)
    made = f"{groups} component{'s' * (groups > 1)}" + (f" of {parts} parts" if parts > groups else "")
    yield f"One density of all {len(learned)} columns, learned from {n:,} rows: {made}."
    kinds = {"numbers": schema.numeric, "categories": schema.categorical, "left out": schema.left_out}
    for what, columns in kinds.items():
        if columns:
            yield f"  {what + ':':12}{', '.join(c.name for c in columns)}"
    yield f"Saved to {output}. Ask it, for example:"
    first = (*schema.categorical, *schema.numeric)[0].name
    other = next((c.name for c in (*schema.numeric, *schema.categorical) if c.name != first), None)
    if other is None:
        question = f"p({first})"
    elif schema[other].kind.numeric:
        quote = next((q for q in "`'\"" if q not in other), "`")
        question = f"p({first} | {other} > {model.query(f'median({quote}{other}{quote})').text})"
    else:
        question = f"p({first} | {other}={schema[other].levels[0]})"
    yield f'  tacit query {output} "{question}"'


def _families(text: str) -> dict[str, str]:
    """``income=lognormal,gain=zero+gamma``."""
    pairs = [part.rpartition("=") for part in text.split(",")]
    for name, equals, family in pairs:
        if not (name.strip() and equals and family.strip()):
            raise typer.BadParameter("must read like income=lognormal,gain=zero+gamma", param_hint="--families")
    return {name.strip(): family.strip() for name, _, family in pairs}
