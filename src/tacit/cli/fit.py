"""``tacit fit MODEL TABLE -o FILE``: each model's options are its constructor's, with dashes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from . import tables
from .console import passes
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
    number,
    or_auto,
)

app = typer.Typer(no_args_is_help=True, help="Fit a model to a table and save it.")


class Metric(StrEnum):
    """Distances of k-means."""

    euclidean = "euclidean"
    cosine = "cosine"


class Covariance(StrEnum):
    """Shapes of a Gaussian component."""

    full = "full"
    tied = "tied"
    diag = "diag"
    spherical = "spherical"


class Start(StrEnum):
    """Where a Gaussian mixture starts."""

    kmeans = "kmeans"
    kpp = "k-means++"
    random = "random"
    random_from_data = "random_from_data"


class Seeds(StrEnum):
    """Where k-means starts."""

    kpp = "k-means++"
    random = "random"


class Solver(StrEnum):
    """How PCA is computed."""

    auto = "auto"
    covariance_eigh = "covariance_eigh"
    full = "full"


@app.command(epilog="tacit fit kmeans sample:wine -o wine.tacit --n-clusters 3")
def kmeans(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_clusters: Annotated[int, typer.Option(min=1, help="Number of groups.")] = 8,
    init: Annotated[Seeds, typer.Option(help="Where the centres start.")] = Seeds.kpp,
    n_init: Annotated[str, typer.Option(metavar="N|auto", help="Starts, of which the best is kept.")] = "auto",
    max_iter: Steps = 300,
    tol: Annotated[float, typer.Option(min=0, help="Stop when the centres move less than this.")] = 1e-4,
    metric: Annotated[Metric, typer.Option(help="Distance.")] = Metric.euclidean,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """k-means: groups around centres; numeric columns only."""
    from tacit import KMeans

    runs = or_auto(n_init, int, "--n-init")
    model = KMeans(
        n_clusters, init=init.value, n_init=runs, max_iter=max_iter, tol=tol, metric=metric.value, random_state=seed
    )
    _fit(model, table, output, columns, types, scheduler, as_json)


@app.command(epilog="tacit fit pca sample:digits -o digits.tacit --n-components 0.9")
def pca(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_components: Annotated[
        str | None, typer.Option(metavar="N|SHARE|mle", help="A count, a share of the variance, or mle; all if absent.")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="Give every column unit variance first.")] = False,
    whiten: Annotated[bool, typer.Option("--whiten", help="Give every coordinate unit variance.")] = False,
    svd_solver: Annotated[Solver, typer.Option(help="How it is computed.")] = Solver.auto,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """PCA: the few directions in which the rows differ most; numeric columns only."""
    from tacit import PCA

    size: Any = n_components
    if n_components not in (None, "mle"):
        size = number(n_components, int if n_components.isdigit() else float, "--n-components")
    model = PCA(size, scale=scale, whiten=whiten, svd_solver=svd_solver.value, random_state=seed)
    _fit(model, table, output, columns, types, scheduler, as_json)


@app.command(epilog="tacit fit gmm sample:wine -o wine.tacit --n-components 3 --covariance-type diag")
def gmm(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_components: Annotated[int, typer.Option(min=1, help="Number of Gaussians.")] = 1,
    covariance_type: Annotated[Covariance, typer.Option(help="Their shape.")] = Covariance.full,
    tol: LeastGain = 1e-3,
    reg_covar: Annotated[float, typer.Option(min=0, help="Added to every variance.")] = 1e-6,
    max_iter: Steps = 100,
    n_init: Starts = 1,
    init_params: Annotated[Start, typer.Option(help="Where the components start.")] = Start.kmeans,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A mixture of Gaussians: a density with overlapping groups; numeric columns only."""
    from tacit import GaussianMixture

    model = GaussianMixture(
        n_components,
        covariance_type=covariance_type.value,
        tol=tol,
        reg_covar=reg_covar,
        max_iter=max_iter,
        n_init=n_init,
        init_params=init_params.value,
        random_state=seed,
    )
    _fit(model, table, output, columns, types, scheduler, as_json)


def _fit(
    model: Any, path: str, output: Path, columns: str | None, types: str | None, scheduler: str | None, as_json: bool
) -> None:
    from ..data.files import is_large

    tables.check_output(output)
    if scheduler is not None:
        if types or columns:
            raise InputError(
                "--types and --columns are for tables that this machine reads, and --scheduler names others"
            )
        with tables.on_cluster(path, scheduler, numbers=True) as there:
            model.fit(there)
    elif is_large(path):
        rows, model.schema_ = tables.on_disk(path, types, columns)
        with passes(rows):
            model.fit(rows)
    else:
        table = tables.numbers(tables.read(path, types, columns))
        model.fit(tables.frame(table))
        model.schema_ = table.schema  # kinds and units travel with the model
    finish(model, output, as_json)
