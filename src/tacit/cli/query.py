"""``tacit query MODEL QUESTION...``: what a joint model answers to p(this | that)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from . import tables
from .console import load, out
from .options import AsJson, ModelPath, Output

if TYPE_CHECKING:
    from ..mixture.answer import Answer

EXAMPLES = 'tacit query tips.tacit "p(smoker | day=Sun, size >= 3)" "E(tip | total_bill > 30)" "MI(time; tip)"'
WIDEST = 28  # characters of the longest bar

Questions = Annotated[
    list[str],
    typer.Argument(
        metavar="QUESTION...",
        help="p(a=x, b | c=y), E(a | ...), sd(a), median(a), quantile(a, 0.9), argmax(a | ...), MI(a; b).",
    ),
]
Evidence = Annotated[
    str | None,
    typer.Option("--evidence", metavar="TABLE", help="Ask once for each row of this table, which is evidence too."),
]


def query(
    model: ModelPath,
    questions: Questions,
    evidence: Evidence = None,
    output: Output = None,
    append: Annotated[bool, typer.Option("--append", help="The columns of --evidence first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a joint model: the probability of anything given anything, means, quantiles, likeliest values."""
    tables.check_output(output, ".csv", ".parquet")
    if evidence is None and (output is not None or append):
        raise typer.BadParameter(
            "is for answers to a table: give --evidence", param_hint="--output" if output else "--append"
        )
    fitted = load(model, "query")
    if evidence is not None:
        tables.write(_answers(fitted, questions, evidence, append), output, as_json)
        return
    answers = [fitted.query(question) for question in questions]
    if as_json:
        found = [answer.as_dict() for answer in answers]
        tables.print_json(found[0] if len(found) == 1 else found)
        return
    for i, answer in enumerate(answers):
        if i:
            out.print()
        for line in _lines(answer):
            out.print(line, highlight=False)


def _answers(fitted: Any, questions: list[str], evidence: str, append: bool) -> Any:
    import pyarrow as pa

    from ..data.table import Table

    schema = fitted.schema_
    rows = Table.conform(evidence, schema, partial=True)
    columns: dict[str, Any] = {}
    for question in questions:
        answers = fitted.query(question, rows)
        for name, values in answers.columns.items():
            columns[name if name not in columns else f"{question}: {name}"] = values
    return tables.beside(evidence, columns) if append else pa.table(columns)


def _lines(answer: Answer) -> Iterator[str]:
    """The answer on a screen: the number, what was asked in words, bars for a whole distribution."""
    from ..mixture.answer import show

    question = escape(answer.question)
    if answer.kind == "distribution":
        yield f"[bold]{question}[/]"
    else:
        error = f" ± {show(answer.error)}" if answer.error else ""
        yield f"[bold]{question} = {escape(answer.text)}{error}[/]"
    yield f"  [dim]{escape(answer.words)}[/]"
    for line in answer.grid(WIDEST if answer.kind == "distribution" else 0):
        yield f"  {escape(line)}"
    for line in answer.remarks():
        yield f"  [dim]{escape(line)}[/]"
