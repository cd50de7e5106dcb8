"""What the commands share: where they print, one line for an error, one for a notice, how far the work is."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from ..errors import InputError, TacitError

out = Console(soft_wrap=True, emoji=False)
err = Console(stderr=True, soft_wrap=True, emoji=False)

VERBS = ("predict", "transform", "score", "sample", "impute", "query")


class Commands(TyperGroup):
    """A group of commands in which bad input is one line on stderr and exit code 2; only a bug shows a traceback."""

    def invoke(self, ctx: Any) -> Any:
        with _notices():
            try:
                return super().invoke(ctx)
            except OSError as error:
                if error.errno == errno.EPIPE:  # `tacit predict ... | head`
                    raise
                fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            except MemoryError:
                fail("not enough memory for this table")
            except (TacitError, ValueError) as error:
                fail(str(error))


def fail(message: str) -> None:
    """Say what is wrong with the input and leave with exit code 2."""
    err.print(f"[bold red]Error:[/] {escape(message)}", highlight=False)
    raise typer.Exit(2)


@contextmanager
def _notices() -> Iterator[None]:
    """Warnings as one line each, once each."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        err.print(f"[yellow]Notice:[/] {escape(str(message))}", highlight=False)

    with warnings.catch_warnings():
        warnings.showwarning = show
        if not sys.warnoptions:
            warnings.simplefilter("once")
            for nothing_to_do in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", nothing_to_do)
        yield


def answers(fitted: Any) -> list[str]:
    """What a model can be asked for."""
    return [verb for verb in VERBS if hasattr(fitted, verb)]


def load(path: Path, verb: str | None = None) -> Any:
    """The model in a file, which must have the method ``verb``."""
    from tacit import load

    fitted = load(path)
    if verb is not None and not hasattr(fitted, verb):
        can = ", ".join(answers(fitted)) or "none of these"
        raise InputError(f"{path} holds a {type(fitted).__name__}, which has no {verb}; it can {can}")
    return fitted


@contextmanager
def progress(say: Mapping[str, str]) -> Iterator[Callable[[str, int | None, int | None], None]]:
    """A line that moves for the phase at work and one that stays for each that is done; on stderr."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(phase: str, done: int | None = None, total: int | None = None) -> None:
            for other, task in tasks.items():
                if other != phase:
                    bars.update(task, total=1, completed=1)
            if phase not in tasks:
                tasks[phase] = bars.add_task(say.get(phase, phase), total=total)
            if done is not None:
                bars.update(tasks[phase], completed=done, total=total)

        yield tell
        for task in tasks.values():
            bars.update(task, total=1, completed=1)


@contextmanager
def passes(rows: Any) -> Iterator[None]:
    """A line that moves for each pass over rows that are read in parts: how fast, and how long it will take still."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} rows/s" if task.speed else "", style="progress.data.speed")

    columns = (TextColumn("pass {task.fields[passes]}"), BarColumn(24), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        line = bar.add_task("", passes=1, total=len(rows))
        before = 0

        def tell(done: int, total: int) -> None:
            nonlocal before
            if done <= before:
                bar.reset(line, passes=bar.tasks[0].fields["passes"] + 1)
            before = done
            bar.update(line, completed=done, total=total)

        rows.tell = tell
        yield
        rows.tell = None
