"""The commands, gathered; what each does is in its own module."""

from __future__ import annotations

from typing import Annotated

import typer

from . import apply, explore, fit, joint, language, networks, query, words
from .console import Commands, out

app = typer.Typer(
    name="tacit",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from tacit import __version__

        out.print(f"tacit {__version__}", highlight=False)
        raise typer.Exit


@app.callback(epilog="Start with [bold]tacit explore sample:wine[/bold], then [bold]tacit explore my.csv[/bold].")
def tacit(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learn from tables nobody labelled: explore one, or fit a model and ask it things."""


fit.app.command("joint", epilog=joint.EXAMPLE)(joint.joint)
for network in (networks.autoencoder, networks.rbm, networks.gan):
    fit.app.command(network.__name__, epilog=networks.EXAMPLES[network.__name__])(network)
fit.app.command("words", epilog=words.EXAMPLES["words"])(words.words)
fit.app.command("language", epilog=language.EXAMPLE)(language.language)

app.command("explore", epilog=explore.EXAMPLES)(explore.explore)
app.command("samples")(explore.samples)
app.add_typer(fit.app, name="fit")
for command in (apply.predict, apply.transform, apply.score, apply.sample, apply.impute, apply.info):
    app.command(command.__name__, epilog=apply.EXAMPLES[command.__name__])(command)
app.command("query", epilog=query.EXAMPLES)(query.query)
app.command("similar", epilog=words.EXAMPLES["similar"])(words.similar)
