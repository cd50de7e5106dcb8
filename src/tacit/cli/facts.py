"""What is told of a model that was fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from . import tables
from .console import out


def finish(model: Any, output: Path, as_json: bool) -> None:
    """Save a model, and tell of it."""
    model.save(output)
    facts = describe(model)
    if as_json:
        tables.print_json(facts | {"file": str(output)})
        return
    print_facts(facts)
    out.print(f"saved to {escape(str(output))}", highlight=False)


def describe(model: Any) -> dict[str, Any]:
    """What is worth knowing of a fitted model: its kind, parameters, columns, and the numbers that it learned."""
    learned = {
        name: value
        for name, value in sorted(vars(model).items())
        if name.endswith("_") and not name.startswith("_") and isinstance(value, bool | int | float)
    }
    return {
        "model": type(model).__name__,
        "parameters": model.get_params(deep=False),
        "columns": [str(name) for name in getattr(model, "feature_names_in_", ())],
        "learned": learned,
    }


def print_facts(facts: dict[str, Any]) -> None:
    """The same for people."""
    out.print(f"[bold]{facts['model']}[/] of {escape(', '.join(facts['columns'])) or 'unnamed columns'}")
    for title in ("parameters", "learned"):
        shown = (f"{name}={value!r}" for name, value in facts[title].items() if value is not None)
        out.print(f"{title}: {escape(', '.join(shown))}", highlight=False)
