"""Label-count curves: how right a classifier is with few labels, from what was learned without them and from nothing.

    python -m reproductions.pretraining [--draw] [--minutes 24] [--quick]

Pictures (MNIST, stacked denoising autoencoder) and texts (film reviews, language model) are taken from the results of
``autoencoders.labels`` and ``language.reviews``; tables (Adult, masked cells) and graphs (Cora, node vectors) are
learned here. ``--draw`` writes docs/images/pretraining.png.

Adult: area under the ROC curve on the test split; pre-trained on the training split without the column income and
fine-tuned, the same network from random weights, logistic regression on one-hot levels. Cora: share of right classes
among the 1,000 nodes for testing, from so many labelled nodes drawn among the others; logistic regression on node
vectors of the whole graph, and on the rows of its adjacency matrix.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import tacit

from .autoencoders.common import Results, arguments, fitted, run, training

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "images" / "pretraining.png"
PAGE = HERE.parent / "docs" / "pretraining.md"
MARKS = "<!-- curves -->\n", "<!-- end of curves -->\n"
DRAWS = 5
Curves = dict[str, dict[str, list[float]]]  # name -> {"labels": [...], "found": [...]}


# Tables.


def adult(options: Any) -> tuple[pa.Table, np.ndarray, pa.Table, np.ndarray]:
    """Rows and incomes to learn from, and to report on. ``--quick``: numbers and categories of three kinds of rows."""
    if options.quick:
        rng = np.random.default_rng(0)
        kind = rng.integers(0, 3, 900)
        words = np.array(["red", "green", "blue"])
        columns = {f"w{j}": words[np.where(rng.random(900) < 0.6, kind, rng.integers(0, 3, 900))] for j in range(6)}
        columns |= {f"x{j}": rng.normal(size=900) + (kind == j) for j in range(3)}
        table, y = pa.table(columns), (kind == 0).astype(int)
        return table[:600], y[:600], table[600:], y[600:]
    from .record import adult as parts

    train, test = parts(options.data)
    y = [np.array([v == ">50K" for v in part["income"].to_pylist()], dtype=int) for part in (train, test)]
    return train.drop_columns(["income"]), y[0], test.drop_columns(["income"]), y[1]


def tables(options: Any, results: Results) -> Curves:
    """Adult, or the small rows."""
    X, y, test, y_test = adult(options)
    quick = options.quick
    made: dict[str, Any] = {}

    def network() -> Any:
        if not made:
            model = tacit.MaskedAutoencoder(
                (32, 16) if quick else "auto",
                epochs=30 if quick else 20,
                training=training(options),
                random_state=0,
            )
            made["model"] = fitted(model, options, "pretraining/adult", X)
        return made["model"]

    def right(n: int, draw: int, start: str) -> float:
        few = np.sort(np.random.default_rng((draw, n)).permutation(len(y))[:n])
        rows, labels = X.take(pa.array(few)), y[few]
        if start == "logistic regression":
            hot = one_hot(X)
            model = LogisticRegression(max_iter=2000).fit(hot(rows), labels)
            return round(float(roc_auc_score(y_test, model.predict_proba(hot(test))[:, 1])), 4)
        tuned = network().to_classifier(
            start == "pre-trained",
            epochs=20 if n <= 1600 else 8,
            batch_size=min(64, max(8, n // 8)),
            learning_rate=1e-3,
            random_state=draw,
        )
        return round(float(roc_auc_score(y_test, tuned.fit(rows, labels).predict_proba(test)[:, 1])), 4)

    sizes = (30, 300) if quick else (100, 400, 1600, 6400)
    curves: Curves = {}
    for start in ("pre-trained", "random start", "logistic regression"):
        for n in sizes:
            draws = 2 if quick else DRAWS if n <= 1600 else 2
            keys = [f"Adult, {n} labels, {start}, draw {draw}" for draw in range(draws)]
            for draw, key in enumerate(keys):
                results.get(key, partial(right, n, draw, start))
            add(curves, start, n, results.summary(keys)["mean"])
    return curves


def one_hot(X: pa.Table) -> Any:
    """Standardised numbers, levels as indicators; a gap is the mean, or none."""
    numbers = [c for c in X.column_names if pa.types.is_integer(X[c].type) or pa.types.is_floating(X[c].type)]
    whole = {c: np.array(X[c].to_pylist(), dtype=float) for c in numbers}
    scale = {c: (np.nanmean(v), np.nanstd(v) or 1.0) for c, v in whole.items()}
    levels = {c: sorted({v for v in X[c].to_pylist() if v is not None}) for c in X.column_names if c not in numbers}

    def columns(rows: pa.Table) -> Iterator[np.ndarray]:
        for c, (mean, sd) in scale.items():
            yield np.nan_to_num((np.array(rows[c].to_pylist(), dtype=float) - mean) / sd)[:, None]
        for c, some in levels.items():
            yield (np.array(rows[c].to_pylist(), dtype=object)[:, None] == np.array(some, dtype=object)).astype(float)

    return lambda rows: np.hstack(list(columns(rows)))


# Graphs.


def cora(options: Any) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    """The graph, the classes of its nodes, those to report on. ``--quick``: three groups of nodes."""
    if options.quick:
        rng = np.random.default_rng(0)
        y = np.repeat(np.arange(3), 40)
        linked = np.triu(rng.random((120, 120)) < np.where(y[:, None] == y, 0.12, 0.01), 1)
        return sp.csr_matrix((linked | linked.T).astype(float)), y, np.arange(0, 120, 3)
    z = np.load(options.data / "graphs" / "cora.npz")
    a, b = z["edges"].T
    n = len(z["labels"])
    graph = sp.csr_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n))
    return graph, z["labels"], z["test_idx"]


def graphs(options: Any, results: Results) -> Curves:
    """Cora, or the small graph."""
    graph, y, test = cora(options)
    rest = np.setdiff1d(np.arange(len(y)), test)
    made: dict[str, Any] = {}

    def vectors() -> np.ndarray:
        if not made:
            model = tacit.NodeEmbedding(32 if options.quick else 128, random_state=0).fit(graph)
            found = model.transform(np.arange(len(y)))
            made["z"] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return made["z"]

    def right(n: int, draw: int, of: str) -> float:
        rng = np.random.default_rng((draw, n))
        few = np.concatenate([rng.permutation(rest[y[rest] == c])[: n // len(set(y))] for c in np.unique(y)])
        z = vectors() if of == "node vectors" else graph
        model = LogisticRegression(C=10.0, max_iter=2000).fit(z[few], y[few])
        return round(float(model.score(z[test], y[test])), 4)

    curves: Curves = {}
    for of in ("node vectors", "rows of the graph"):
        for n in (6, 30) if options.quick else (14, 35, 70, 140, 700):
            keys = [f"Cora, {n} labels, {of}, draw {draw}" for draw in range(DRAWS)]
            for draw, key in enumerate(keys):
                results.get(key, partial(right, n, draw, of))
            add(curves, of, n, results.summary(keys)["mean"])
    return curves


# What other scripts have found.


STACKED = {"pre-trained": "pre-trained", "random": "random start"}
READ = {"Bayes": "pre-trained, Bayes", "softmax": "pre-trained, softmax", "TF-IDF": "TF-IDF, logistic regression"}


def elsewhere(path: Path, names: dict[str, str], of: str = "") -> Curves:
    """The curves in a file of values under "OF N labels, NAME, ..." """
    curves: Curves = {}
    if not path.exists():
        return curves
    values = json.loads(path.read_text())["values"]
    for name, shown in names.items():
        found: dict[int, list[float]] = {}
        for key, value in values.items():
            if key.startswith(of) and f" labels, {name}" in key:
                found.setdefault(int(key[len(of) :].split(" ", 1)[0]), []).append(value["found"])
        for n in sorted(found):
            add(curves, shown, n, float(np.mean(found[n])))
    return curves


def add(curves: Curves, name: str, n: int, value: float) -> None:
    """One more point."""
    curve = curves.setdefault(name, {"labels": [], "found": []})
    curve["labels"].append(n)
    curve["found"].append(round(value, 4))


# The page.


def table(found: dict[str, Curves]) -> str:
    """A line for each curve."""
    lines = ["| | start | right, by number of labels |", "|---|---|---|"]
    for title, curves in found.items():
        for name, curve in curves.items():
            points = (f"{n:,}: {v:.3f}" for n, v in zip(curve["labels"], curve["found"], strict=True))
            lines.append(f"| {title} | {name} | {', '.join(points)} |")
    return "\n".join(lines) + "\n"


def shown(page: str) -> tuple[str, str, str]:
    """The page before the table, the table, the page after it."""
    before, rest = page.split(MARKS[0])
    inside, after = rest.split(MARKS[1])
    return before + MARKS[0], inside, MARKS[1] + after


def committed() -> dict[str, Curves]:
    """The curves that the committed results tell."""
    tables = {name: name for name in ("pre-trained", "random start", "logistic regression")}
    graphs = {name: name for name in ("node vectors", "rows of the graph")}
    return {
        "Pictures: MNIST": elsewhere(HERE / "autoencoders" / "results" / "labels.json", STACKED),
        "Texts: film reviews": elsewhere(HERE / "language" / "results" / "reviews.json", READ),
        "Tables: Adult (AUC)": elsewhere(HERE / "results" / "pretraining.json", tables, "Adult, "),
        "Graphs: Cora": elsewhere(HERE / "results" / "pretraining.json", graphs, "Cora, "),
    }


HEIGHT = 400


def draw(found: dict[str, Curves]) -> None:
    """Four panels, one curve a start."""
    import plotly.graph_objects as go
    from playwright.sync_api import sync_playwright
    from plotly.subplots import make_subplots

    titles = [name for name, curves in found.items() if curves]
    figure = make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=0.05)
    colours = ("#1f6f8b", "#c05640", "#8a8f98")
    for i, title in enumerate(titles, start=1):
        left = figure.layout["xaxis" if i == 1 else f"xaxis{i}"].domain[0]
        under = {"x": left, "y": -0.32, "yanchor": "top", "bgcolor": "rgba(0,0,0,0)"}
        figure.update_layout({f"legend{i}": under})
        for (name, curve), colour in zip(found[title].items(), colours):
            figure.add_trace(
                go.Scatter(
                    x=curve["labels"],
                    y=curve["found"],
                    name=name,
                    mode="lines+markers",
                    line={"color": colour},
                    legend=f"legend{i}",
                    showlegend=True,
                ),
                1,
                i,
            )
    figure.update_xaxes(type="log", title="labels", dtick=1)
    figure.update_layout(
        width=330 * len(titles), height=HEIGHT, template="plotly_white", margin={"t": 40, "r": 20, "b": 140}
    )
    browser = next(at for name in ("chromium", "chromium-browser", "google-chrome") if (at := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        figure.write_html(path, include_plotlyjs=True, config={"staticPlot": True})
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 330 * len(titles), "height": HEIGHT})
        page.goto(path.as_uri())
        page.wait_for_timeout(2000)
        page.screenshot(path=PICTURE)
        chromium.close()


def main(words: Sequence[str] | None = None) -> dict[str, Curves]:
    """All curves that can be had."""
    options = arguments(__doc__, words, draw={"action": "store_true"}, only={"nargs": "*"})
    options.out = options.out or HERE / "results" / "pretraining.json"
    results = Results("pretraining", options)
    asked = options.only or ["tables", "graphs"]
    found = committed()
    if "tables" in asked:
        found["Tables: Adult (AUC)"] = tables(options, results)
    if "graphs" in asked:
        found["Graphs: Cora"] = graphs(options, results)
    if options.draw:
        draw(found)
        before, _, after = shown(PAGE.read_text(encoding="utf-8"))
        PAGE.write_text(before + table(found) + after, encoding="utf-8")
    return found


if __name__ == "__main__":
    run(main)
