"""Options that several commands have, and how those are read that are a number or a word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

# Data and models.

TablePath = Annotated[
    str,
    typer.Argument(
        metavar="TABLE", help="A file (.csv .parquet .xlsx .jsonl .npy .npz), a folder of .parquet, or sample:NAME."
    ),
]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model written by [bold]tacit fit[/bold].")]
Types = Annotated[
    str | None, typer.Option("--types", metavar="COLUMN=KIND,...", help="Overrule kinds: age=number,zip=category.")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="A .csv or .parquet file; CSV to stdout if absent."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask scheduler, whose workers read the table."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON to stdout.")]
Seed = Annotated[int, typer.Option("--seed", "--random-state", min=0, help="Seed of every random choice.")]

# Of every fit.

DEFAULT_FILE = Path("model.tacit")
ModelFile = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the model is saved.")]
Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B,...", help="Learn from these columns only.")]
Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="FOLDER", help="Where the state is kept; the same command goes on from it."),
]

# Of EM.

Starts = Annotated[int, typer.Option(min=1, help="Starts, of which the best is kept.")]
Steps = Annotated[int, typer.Option(min=1, help="Most steps of a start.")]
LeastGain = Annotated[float, typer.Option(min=0, help="Stop when a row's log-likelihood gains less.")]

# Of the gradient loop.

Passes = Annotated[str, typer.Option(metavar="N|auto", help="Passes over the rows.")]
BatchSize = Annotated[str, typer.Option(metavar="N|auto", help="Rows in a step.")]
LearningRate = Annotated[float, typer.Option(help="Of Adam; falls to 0 as a cosine.")]
TimeLimit = Annotated[float | None, typer.Option(min=0, help="Most seconds of training.")]
Log = Annotated[
    str | None, typer.Option(metavar="FILE.csv|FOLDER", help="What each epoch tells, as CSV or for TensorBoard.")
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, ...; auto takes a GPU if there is one.")]


def number(text: str, kind: type[int] | type[float], option: str) -> Any:
    """What was typed for ``option``, as a number."""
    try:
        return kind(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option) from None


def or_auto(text: str, kind: type[int] | type[float], option: str) -> Any:
    """A number, or "auto" as it is."""
    return text if text == "auto" else number(text, kind, option)


def widths(text: str) -> tuple[int, ...] | str:
    """``--hidden-sizes``: 64,32,8 or auto."""
    return text if text == "auto" else tuple(number(part, int, "--hidden-sizes") for part in text.split(","))
