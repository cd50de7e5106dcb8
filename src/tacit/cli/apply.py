"""``tacit predict | transform | score | sample | impute | info MODEL [TABLE]``: what a saved model answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ..errors import InputError
from . import tables
from .console import answers, load, out
from .facts import describe, print_facts
from .options import AsJson, ModelPath, Output, TablePath

EXAMPLES = {
    "predict": "tacit predict wine.tacit sample:wine -o groups.csv --append",
    "transform": "tacit transform digits.tacit sample:digits -o coordinates.parquet",
    "score": "tacit score wine.tacit sample:wine --rows | sort -g | head -3",
    "sample": "tacit sample wine.tacit -n 1000 -o more.csv",
    "impute": "tacit impute people.tacit people.csv -o filled.csv",
    "info": "tacit info wine.tacit --json",
}
Append = Annotated[bool, typer.Option("--append", help="The table's own columns first.")]


def predict(
    model: ModelPath,
    table: TablePath,
    output: Output = None,
    proba: Annotated[bool, typer.Option("--proba", help="The probability of every group too.")] = False,
    append: Append = False,
    as_json: AsJson = False,
) -> None:
    """The group of every row, as a column `group`."""
    tables.check_output(output, ".csv", ".parquet")
    fitted = load(model, "predict_proba" if proba else "predict")

    def ask(rows: Any) -> dict[str, Any]:
        groups = {f"group_{k}": p for k, p in enumerate(fitted.predict_proba(rows).T)} if proba else {}
        return {"group": fitted.predict(rows)} | groups

    _tell(fitted, table, output, append, as_json, ask)


def transform(
    model: ModelPath,
    table: TablePath,
    output: Output = None,
    append: Append = False,
    as_json: AsJson = False,
) -> None:
    """The coordinates of every row: PCA's components, k-means' distances to its centres."""
    tables.check_output(output, ".csv", ".parquet")
    fitted = load(model, "transform")
    names = [str(name) for name in fitted.get_feature_names_out()]
    _tell(fitted, table, output, append, as_json, lambda rows: dict(zip(names, fitted.transform(rows).T, strict=True)))


def score(
    model: ModelPath,
    table: TablePath,
    output: Output = None,
    rows: Annotated[bool, typer.Option("--rows", help="One number a row rather than their mean or sum.")] = False,
    append: Append = False,
    as_json: AsJson = False,
) -> None:
    """How typical the rows are: higher is more typical. One number, or one a row with --rows or -o."""
    tables.check_output(output, ".csv", ".parquet")
    each = rows or append or output is not None
    fitted = load(model, "score_samples" if each else "score")
    if each:
        _tell(fitted, table, output, append, as_json, lambda rows: {"score": fitted.score_samples(rows)})
        return
    value = float(fitted.score(tables.rows_for(fitted, table)))
    if as_json:
        tables.print_json({"score": value})
    else:
        out.print(f"{value:.10g}", highlight=False)


def sample(
    model: ModelPath,
    n_samples: Annotated[int, typer.Option("-n", "--n-samples", min=1, help="How many rows.")] = 10,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Draw with this seed rather than the fit's.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="How the texts begin; for models of texts.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="0 takes the likeliest; for models of texts.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", help="Draw among the likeliest of so much together; for models of texts.")
    ] = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """New rows like those the model learned from, and the group that each came from; or new texts."""
    tables.check_output(output, ".csv", ".parquet")
    fitted = load(model, "sample")
    if seed is not None:
        fitted.set_params(random_state=seed)
    asked = {"prompt": prompt, "temperature": temperature, "top_p": top_p}
    options = {name: value for name, value in asked.items() if value is not None}
    if options and not hasattr(fitted, "tokens_"):
        raise InputError(f"{model} holds a {type(fitted).__name__}; {', '.join(options)} is for models of texts")
    tables.write(_drawn(fitted.sample(n_samples, **options), fitted), output, as_json)


def impute(model: ModelPath, table: TablePath, output: Output = None, as_json: AsJson = False) -> None:
    """The table with its gaps filled by what the model finds most likely there."""
    tables.check_output(output, ".csv", ".parquet")
    fitted = load(model, "impute")

    def ask(rows: Any) -> dict[str, Any]:
        filled = fitted.impute(rows)
        return {name: filled[name] for name in filled.column_names}

    _tell(fitted, table, output, True, as_json, ask, instead=True)


def info(model: ModelPath, as_json: AsJson = False) -> None:
    """What a saved model is: its kind, parameters, columns and what it learned."""
    fitted = load(model)
    facts = describe(fitted) | {"answers": answers(fitted)}
    if as_json:
        tables.print_json(facts)
        return
    print_facts(facts)
    out.print(f"answers: {', '.join(facts['answers'])}", highlight=False)


def _tell(
    fitted: Any,
    path: str,
    output: Path | None,
    append: bool,
    as_json: bool,
    ask: Callable[[Any], dict[str, Any]],
    instead: bool = False,
) -> None:
    """What a model says of the rows at a path, beside their own columns or ``instead`` of those of the same name."""
    import pyarrow as pa

    from ..data.answers import write_answers
    from ..data.files import is_large

    if not is_large(path):
        answer = ask(tables.rows_for(fitted, path))
        tables.write(tables.beside(path, answer, instead) if append else pa.table(answer), output, as_json)
        return
    if output is None or output.suffix != ".parquet":
        raise InputError(f"{path} is read in parts, and what is said of its rows is written so: -o ANSWERS.parquet")

    def said(part: Any) -> Any:
        own = () if instead or not append else part.column_names
        answer = ask(tables.rows_for(fitted, part))
        return pa.table({f"tacit_{name}" if name in own else name: cells for name, cells in answer.items()})

    n = write_answers(output, path, append=append, said=said)
    out.print(f"{n:,} rows to {escape(str(output))}", highlight=False)


def _drawn(drawn: Any, fitted: Any) -> Any:
    """What ``sample`` gave, rows or (rows, components), as a table with the columns of ``fit``."""
    import numpy as np
    import pyarrow as pa

    if isinstance(drawn, list):
        return pa.table({"text": drawn})
    x, z = drawn if isinstance(drawn, tuple) else (drawn, None)
    if not isinstance(x, pa.Table):
        schema = getattr(fitted, "schema_", None)
        names = [str(n) for n in getattr(fitted, "feature_names_in_", [f"x{j}" for j in range(x.shape[1])])]
        named = dict(zip(names, x.T, strict=True))
        x = pa.table(named) if schema is None else schema.decode(x, np.empty((len(x), 0), np.int32))
    return x if z is None else x.append_column("group", pa.array(z))
