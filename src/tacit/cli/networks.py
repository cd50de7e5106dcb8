"""``tacit fit autoencoder | rbm | gan TABLE -o FILE``: what the gradient loop trains."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from . import tables
from .facts import finish
from .options import (
    DEFAULT_FILE,
    AsJson,
    BatchSize,
    Checkpoint,
    Columns,
    Device,
    LearningRate,
    Log,
    ModelFile,
    Passes,
    Seed,
    TablePath,
    TimeLimit,
    Types,
    or_auto,
    widths,
)

EXAMPLES = {
    "autoencoder": "tacit fit autoencoder sample:digits -o digits.tacit --hidden-sizes 64,32,8 --epochs 30",
    "rbm": "tacit fit rbm sample:tips -o tips.tacit --n-components 16",
    "gan": "tacit fit gan sample:digits -o digits.tacit --epochs 100",
}


class Coding(StrEnum):
    """Kinds of autoencoder."""

    plain = "plain"
    denoising = "denoising"
    variational = "variational"


_CODERS = {Coding.plain: "Autoencoder", Coding.denoising: "DenoisingAutoencoder", Coding.variational: "VAE"}


class Slope(StrEnum):
    """How an energy model learns."""

    auto = "auto"
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


def autoencoder(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    hidden_sizes: Annotated[
        str, typer.Option(metavar="N,N,...|auto", help="Widths of the layers, the code last.")
    ] = "auto",
    kind: Annotated[Coding, typer.Option(help="Plain, denoising, or variational.")] = Coding.plain,
    epochs: Passes = "auto",
    batch_size: BatchSize = "auto",
    learning_rate: LearningRate = 1e-3,
    time_limit: TimeLimit = None,
    checkpoint: Checkpoint = None,
    log: Log = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """An autoencoder: a short code for each row, of numbers, categories and gaps, or of pictures."""
    import tacit

    from ..data.pictures import holds_pictures, read_pictures

    tables.check_output(output)
    model = getattr(tacit, _CODERS[kind])(
        widths(hidden_sizes),
        epochs=or_auto(epochs, int, "--epochs"),
        batch_size=or_auto(batch_size, int, "--batch-size"),
        learning_rate=learning_rate,
        training=tacit.Training(time_limit=time_limit, log=log, progress=not as_json),
        device=device,
        random_state=seed,
    )
    rows: Any = read_pictures(table).x if holds_pictures(table) else tables.read(table, types, columns)
    model.fit(rows, checkpoint=checkpoint)
    finish(model, output, as_json)


def rbm(
    table: TablePath,
    output: ModelFile = DEFAULT_FILE,
    columns: Columns = None,
    types: Types = None,
    n_components: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 256,
    method: Annotated[Slope, typer.Option(help="Where the model's half of the gradient comes from.")] = Slope.auto,
    k: Annotated[int, typer.Option(min=1, help="Gibbs steps an update.")] = 1,
    learning_rate: Annotated[str, typer.Option(metavar="RATE|auto", help="Falls to 0 as a cosine.")] = "auto",
    batch_size: BatchSize = "auto",
    n_iter: Passes = "auto",
    time_limit: TimeLimit = None,
    checkpoint: Checkpoint = None,
    log: Log = None,
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
        learning_rate=or_auto(learning_rate, float, "--learning-rate"),
        batch_size=or_auto(batch_size, int, "--batch-size"),
        n_iter=or_auto(n_iter, int, "--n-iter"),
        training=tacit.Training(time_limit=time_limit, log=log, progress=not as_json),
        device=device,
        random_state=seed,
    )
    model.fit(tables.read(table, types, columns), checkpoint=checkpoint)
    finish(model, output, as_json)


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
    epochs: Passes = "auto",
    batch_size: BatchSize = "auto",
    learning_rate: LearningRate = 3e-3,
    time_limit: TimeLimit = None,
    checkpoint: Checkpoint = None,
    log: Log = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """A generator of rows like these, by a game against a discriminator; numbers only, or a folder of pictures."""
    import tacit

    from ..data.pictures import holds_pictures, read_pictures

    tables.check_output(output)
    model = tacit.GAN(
        or_auto(latent_dim, int, "--latent-dim"),
        hidden_sizes=widths(hidden_sizes),
        game=tacit.Game(loss=loss.value, pack=pack, d_steps=5 if loss is Losing.wasserstein else 1),
        epochs=or_auto(epochs, int, "--epochs"),
        batch_size=or_auto(batch_size, int, "--batch-size"),
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
    finish(model, output, as_json)
