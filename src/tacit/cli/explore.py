"""``tacit explore TABLE``: a table in, a page out; and the sample tables there are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ..errors import DataNotice
from . import tables
from .console import fail, out, progress
from .options import Scheduler, Seed, TablePath, Types

if TYPE_CHECKING:
    from ..exploration import Exploration
    from ..findings.pictures import PictureExploration

EXAMPLES = "tacit explore people.csv -o people.html --types age=number,zip=category --no-rows"
_SAY = {
    "reading": "Reading the table",
    "columns": "Looking at its columns",
    "groups": "Looking for groups",
    "describing": "Describing them",
    "map": "Drawing the map",
    "drawn": "Comparing with synthetic rows",
    "rows": "Looking for unlikely rows",
    "learning": "Learning a code",
    "coding": "Coding every picture",
    "page": "Writing the page",
}


def explore(
    table: TablePath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page.")] = Path("report.html"),
    types: Types = None,
    no_rows: Annotated[bool, typer.Option("--no-rows", help="Put no row of the table into the page.")] = False,
    max_groups: Annotated[int, typer.Option(min=1, help="The most groups to look for.")] = 12,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON to stdout, beside the page.")] = False,
) -> None:
    """Show what is in a table that nobody labelled: columns, gaps, groups, a map, unlikely rows, as one page.

    Of a folder of .parquet, .arrow or .csv files, or of one too large to be held, rows drawn at random are looked at.
    A folder of pictures, or an array file of them ([bold]images.npz[/bold]), gets a page of its own kind: a map, what a
    short code keeps, the least typical.
    """
    import warnings

    tables.check_output(output)
    from ..data.pictures import holds_pictures
    from ..persist import whole

    if scheduler is None and holds_pictures(table):
        if no_rows:
            fail("a page of pictures shows pictures: --no-rows is for tables")
        _pictures(table, output, seed, as_json)
        return
    with progress(_SAY) as tell:
        import tacit
        from tacit.data.table import parse_types

        kinds = parse_types(types) if types else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataNotice)  # the page says them
            with tables.on_cluster(table, scheduler, numbers=False) if scheduler else nullcontext(table) as rows:
                found = tacit.explore(
                    rows,
                    types=kinds,
                    max_components=max_groups,
                    rows=not no_rows,
                    random_state=seed,
                    progress=tell,
                    name=Path(table).name if scheduler else None,
                )
            with whole(output) as path:
                found.save(path)
    _tell(found, output, as_json)


def _pictures(path: str, output: Path, seed: int, as_json: bool) -> None:
    """The page of pictures."""
    from tacit import explore_pictures

    from ..persist import whole

    with progress(_SAY) as tell:
        found = explore_pictures(path, random_state=seed, progress=tell)
        with whole(output) as page:
            found.save(page)
    _tell(found, output, as_json)


def _tell(found: Exploration | PictureExploration, output: Path, as_json: bool) -> None:
    """What the page says, in a few lines."""
    if as_json:
        print(found.json())
        return
    out.print(f"[bold]{escape(found.findings['headline'])}[/]", highlight=False)
    for line in found.findings["summary"]:
        out.print(f"  {escape(line)}", highlight=False)
    out.print(f"The page: {escape(str(output.resolve()))}", highlight=False)


def samples() -> None:
    """List the tables that are always there, as sample:NAME."""
    from ..data.datasets import samples as names

    for name in names():
        out.print(f"sample:{name}", highlight=False)
