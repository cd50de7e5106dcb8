"""``tacit fit MODEL TABLE -o FILE``: each model's options are its constructor's, with dashes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ..errors import InputError
from . import tables
from .console import AsJson, Scheduler, Seed, TablePath, Types, out, passes, progress

app = typer.Typer(no_args_is_help=True, help="Fit a model to a table and save it.")

ModelFile = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the model is saved.")]
KeptIn = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="FOLDER", help="Where the state is kept; the same command goes on from it."),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, ...; auto takes a GPU if there is one.")]
Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B,...", help="Learn from these columns only.")]
DEFAULT_FILE = Path("model.tacit")
_PHASES = {
    "components": "Looking for components",
    "groups": "Looking for groups",
    "density": "Growing the density",
    "fit": "Fitting all rows",
}


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


class Criterion(StrEnum):
    """What chooses the number of components."""

    groups = "groups"
    bic = "bic"
    icl = "icl"
    aic = "aic"


class Coding(StrEnum):
    """Kinds of autoencoder."""

    plain = "plain"
    denoising = "denoising"
    variational = "variational"


_CODERS = {Coding.plain: "Autoencoder", Coding.denoising: "DenoisingAutoencoder", Coding.variational: "VAE"}


class Slope(StrEnum):
    """How an energy model learns."""

    pcd = "pcd"
    cd = "cd"
    pt = "pt"
    exact = "exact"


class Losing(StrEnum):
    """What the players of a GAN want."""

    non_saturating = "non_saturating"
    minimax = "minimax"
    hinge = "hinge"
    wasserstein = "wasserstein"
    relativistic = "relativistic"


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
    max_iter: Annotated[int, typer.Option(min=1, help="Most steps of a start.")] = 300,
    tol: Annotated[float, typer.Option(min=0, help="Stop when the centres move less than this.")] = 1e-4,
    metric: Annotated[Metric, typer.Option(help="Distance.")] = Metric.euclidean,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """k-means: groups around centres; numeric columns only."""
    from tacit import KMeans

    runs = _or_auto(n_init, int, "--n-init")
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
        size = _number(n_components, int if n_components.isdigit() else float, "--n-components")
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
    tol: Annotated[float, typer.Option(min=0, help="Stop when a row's log-likelihood gains less.")] = 1e-3,
    reg_covar: Annotated[float, typer.Option(min=0, help="Added to every variance.")] = 1e-6,
    max_iter: Annotated[int, typer.Option(min=1, help="Most steps of a start.")] = 100,
    n_init: Annotated[int, typer.Option(min=1, help="Starts, of which the best is kept.")] = 1,
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


@app.command(epilog="tacit fit joint sample:tips -o tips.tacit")
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
    n_init: Annotated[int, typer.Option(min=1, help="Starts, of which the best is kept.")] = 3,
    tol: Annotated[float, typer.Option(min=0, help="Stop when a row's log-likelihood gains less.")] = 1e-5,
    max_iter: Annotated[int, typer.Option(min=1, help="Most steps of a start.")] = 200,
    smoothing: Annotated[float, typer.Option(min=0, help="Rows that every part starts with.")] = 1.0,
    reg: Annotated[float, typer.Option(min=0, help="Least variance of a part, as a share of the column's.")] = 1e-3,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """One density of all columns: numbers, categories and gaps, to be asked by tacit query."""
    from tacit import JointMixture

    tables.check_output(output)
    parts: Any = {"auto": "auto", "none": None}.get(n_parts, n_parts)
    model = JointMixture(
        n_components if n_components == "auto" else int(_number(n_components, int, "--n-components")),
        criterion=criterion.value,
        max_components=max_components,
        n_parts=parts if parts in ("auto", None) else int(_number(parts, int, "--n-parts")),
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
        _finish(model, output, as_json)
        return
    model.save(output)
    for line in _joint_in_words(model, n, output):
        out.print(escape(line), highlight=False)


def _joint_in_words(model: Any, n: int, output: Path) -> Iterator[str]:
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


@app.command(epilog="tacit fit autoencoder sample:digits -o digits.tacit --hidden-sizes 64,32,8 --epochs 30")
def autoencoder(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    hidden_sizes: Annotated[
        str, typer.Option(metavar="N,N,...|auto", help="Widths of the layers, the code last.")
    ] = "auto",
    kind: Annotated[Coding, typer.Option(help="Plain, denoising, or variational.")] = Coding.plain,
    epochs: Annotated[str, typer.Option(metavar="N|auto", help="Passes over the rows.")] = "auto",
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Rows in a step.")] = "auto",
    learning_rate: Annotated[float, typer.Option(help="Of Adam; falls to 0 as a cosine.")] = 1e-3,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Most seconds of training.")] = None,
    checkpoint: KeptIn = None,
    log: Annotated[
        str | None, typer.Option(metavar="FILE.csv|FOLDER", help="The losses, as CSV or for TensorBoard.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """An autoencoder: a short code for each row, of numbers, categories and gaps, or of pictures."""
    import tacit

    from ..data.pictures import holds_pictures, read_pictures

    tables.check_output(output)
    widths = hidden_sizes
    options: dict[str, Any] = {
        "hidden_sizes": "auto" if widths == "auto" else _widths(widths),
        "epochs": _or_auto(epochs, int, "--epochs"),
        "batch_size": _or_auto(batch_size, int, "--batch-size"),
        "learning_rate": learning_rate,
        "training": tacit.Training(time_limit=time_limit, log=log, progress=not as_json),
        "device": device,
        "random_state": seed,
    }
    model = getattr(tacit, _CODERS[kind])(**options)
    rows: Any = read_pictures(table).x if holds_pictures(table) else tables.read(table, types, columns)
    model.fit(rows, checkpoint=checkpoint)
    _finish(model, output, as_json)


@app.command(epilog="tacit fit rbm sample:tips -o tips.tacit --n-components 16")
def rbm(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_components: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 256,
    method: Annotated[Slope, typer.Option(help="Where the model's half of the gradient comes from.")] = Slope.pcd,
    k: Annotated[int, typer.Option(min=1, help="Gibbs steps an update.")] = 1,
    learning_rate: Annotated[str, typer.Option(metavar="RATE|auto", help="Falls to 0 as a cosine.")] = "auto",
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Rows in an update.")] = "auto",
    n_iter: Annotated[str, typer.Option(metavar="N|auto", help="Passes over the rows.")] = "auto",
    time_limit: Annotated[float | None, typer.Option(min=0, help="Most seconds of learning.")] = None,
    checkpoint: KeptIn = None,
    log: Annotated[
        str | None, typer.Option(metavar="FILE.csv|FOLDER", help="The free-energy gap, as CSV or for TensorBoard.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A restricted Boltzmann machine: a density of numbers, categories and bits by hidden units that join them."""
    import tacit

    tables.check_output(output)
    model = tacit.RBM(
        n_components,
        method=method.value,
        k=k,
        learning_rate=_or_auto(learning_rate, float, "--learning-rate"),
        batch_size=_or_auto(batch_size, int, "--batch-size"),
        n_iter=_or_auto(n_iter, int, "--n-iter"),
        training=tacit.Training(time_limit=time_limit, log=log, progress=not as_json),
        device=device,
        random_state=seed,
    )
    model.fit(tables.read(table, types, columns), checkpoint=checkpoint)
    _finish(model, output, as_json)


@app.command(epilog="tacit fit gan sample:digits -o digits.tacit --epochs 100")
def gan(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    latent_dim: Annotated[str, typer.Option(metavar="N|auto", help="Length of the codes that are drawn.")] = "auto",
    hidden_sizes: Annotated[
        str, typer.Option(metavar="N,N,...|auto", help="Widths of the layers, from the rows on.")
    ] = "auto",
    loss: Annotated[Losing, typer.Option(help="What the two players want.")] = Losing.non_saturating,
    pack: Annotated[int, typer.Option(min=1, help="Rows that the discriminator sees at once.")] = 1,
    epochs: Annotated[str, typer.Option(metavar="N|auto", help="Passes over the rows.")] = "auto",
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Rows in a step.")] = "auto",
    learning_rate: Annotated[float, typer.Option(help="Of Adam; falls to 0 as a cosine.")] = 3e-3,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Most seconds of training.")] = None,
    checkpoint: KeptIn = None,
    log: Annotated[
        str | None, typer.Option(metavar="FILE.csv|FOLDER", help="The game's value, as CSV or for TensorBoard.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A generator of rows like these, by a game against a discriminator; numbers only, or a folder of pictures."""
    import tacit

    from ..data.pictures import holds_pictures, read_pictures

    tables.check_output(output)
    model = tacit.GAN(
        _or_auto(latent_dim, int, "--latent-dim"),
        hidden_sizes="auto" if hidden_sizes == "auto" else _widths(hidden_sizes),
        game=tacit.Game(loss=loss.value, pack=pack, d_steps=5 if loss is Losing.wasserstein else 1),
        epochs=_or_auto(epochs, int, "--epochs"),
        batch_size=_or_auto(batch_size, int, "--batch-size"),
        learning_rate=learning_rate,
        training=tacit.Training(time_limit=time_limit, log=log, progress=not as_json),
        device=device,
        random_state=seed,
    )
    if holds_pictures(table):
        model.fit(read_pictures(table).x, checkpoint=checkpoint)
    else:
        rows = tables.numbers(tables.read(table, types, columns))
        model.fit(tables.frame(rows), checkpoint=checkpoint)
        model.schema_ = rows.schema  # kinds and units travel with the model
    _finish(model, output, as_json)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(int(_number(part, int, "--hidden-sizes")) for part in text.split(","))


def _or_auto(text: str, kind: type[int] | type[float], option: str) -> Any:
    return text if text == "auto" else _number(text, kind, option)


def _number(text: str, kind: type[int] | type[float], option: str) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option) from None


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
    _finish(model, output, as_json)


def _finish(model: Any, output: Path, as_json: bool) -> None:
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
