"""What is in pictures that nobody labelled: a map, what a short code keeps of them, the least typical."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..data.pictures import Pictures, as_pictures, read_pictures
from ..errors import InputError
from ..neural.autoencoder import Autoencoder
from ..plot.pictures import grid
from ..plot.png import mosaic, opaque, pixels, uri
from ..train import Report, Training
from ..typing import Array, Doubles
from . import words

LEARNED = 20_000  # pictures that are learned from, at most
DRAWN = 5_000  # points of the map, at most
SHOWN, ODD, CELLS = 12, 24, 24  # pictures before and after; least typical; a side of the map of pictures
DENSE = 4096  # pixels up to which layers are dense

Tell = Callable[[str, int | None, int | None], None]


def explore_pictures(
    X: object,
    *,
    code_size: int = 32,
    epochs: int | str = "auto",
    random_state: int = 0,
    progress: Tell | None = None,
    name: str | None = None,
) -> PictureExploration:
    """What is in pictures: a path to a folder or an array file, or an array [n, h, w], [n, c, h, w] or [n, h, w, c].

    An ``Autoencoder`` learns a code of ``code_size`` numbers from at most 20,000 of them, and a second one two numbers
    from the codes, for the map. A tenth is held out: learning ends when these no longer come back better, and what the
    code keeps is measured on them. The least typical of all are those that come back from their codes worst.
    ``epochs`` is the most for the first; "auto" makes up to 3,000 steps.

    Raises ``InputError`` for what is no set of pictures.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = explore_pictures((rng.random((80, 6, 6)) * 255).astype(np.uint8), code_size=4, epochs=1)
    >>> found.findings["pictures"]["count"], len(found.findings["odd"])
    (80, 24)
    """
    started = time.perf_counter()
    tell = progress or (lambda phase, done, total: None)
    tell("reading", None, None)
    given = read_pictures(X) if isinstance(X, str | PathLike) else _named(np.asarray(X))
    if len(given.x) < 10:
        raise InputError(f"{len(given.x)} pictures are too few to learn from: at least 10")
    made = {"seed": random_state, "code_size": code_size, "epochs": epochs}
    title = name or (Path(X).name if isinstance(X, str | PathLike) else "the pictures")
    return PictureExploration(given, title, made, tell, started)


def _named(x: Array) -> Pictures:
    if x.dtype.kind not in "fiub":
        raise InputError(f"pictures are numbers, not {x.dtype}")
    x = as_pictures(x)
    return Pictures(x, tuple(str(i + 1) for i in range(len(x))))


@dataclass(eq=False)
class PictureExploration:
    """What ``explore_pictures`` found: ``findings`` is plain data; ``save`` writes the page; ``model`` is the coder."""

    given: Pictures
    name: str
    made: dict[str, Any]
    progress: Tell
    started: float

    def __post_init__(self) -> None:
        x, (seed, k, epochs) = self.given.x, (self.made[key] for key in ("seed", "code_size", "epochs"))
        n, *shape = x.shape
        dense = int(np.prod(shape)) <= DENSE
        rng = np.random.default_rng(seed)
        learned = np.sort(rng.permutation(n)[:LEARNED])
        size = min(128, len(learned) // 2)
        steps = -(-len(learned) // size)
        epochs = max(10, 3000 // steps) if epochs == "auto" else epochs
        self.made["epochs"] = epochs
        self.model = Autoencoder(
            (512, 256, k) if dense else (32, 64, 128, k),
            convolutional=not dense,
            epochs=epochs,
            batch_size=size,
            training=Training(early_stopping=True, callbacks=(self._hear("learning"),)),
            random_state=seed,
        ).fit(x[learned])
        self.progress("coding", None, None)
        codes = np.asarray(self.model.transform(x), dtype=np.float64)
        self.score: Doubles = np.asarray(self.model.score_samples(x), dtype=np.float64)
        self._flat = Autoencoder(
            (64, 32, 2),
            activation="tanh",
            scale="columns",
            epochs=epochs,
            batch_size=size,
            learning_rate=3e-3,
            training=Training(callbacks=(self._hear("map"),)),
            random_state=seed,
        ).fit(codes[learned])
        self.at: Doubles = np.asarray(self._flat.transform(codes), dtype=np.float64)
        self.model.training = self._flat.training = None  # the bar is no part of a model
        self.findings = self._find(rng)

    def json(self) -> str:
        """The findings as strict JSON, without the pictures themselves."""
        told = {key: value for key, value in self.findings.items() if key != "images"}
        told["odd"] = [{key: value for key, value in odd.items() if key != "image"} for odd in told["odd"]]
        return json.dumps(told, allow_nan=False, ensure_ascii=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page: one HTML file that needs nothing else."""
        self.progress("page", None, None)
        Path(path).write_text(self._page(), encoding="utf-8")

    def _page(self) -> str:
        from ..report.pictures import picture_page

        return picture_page(self.findings)

    def _repr_html_(self) -> str:
        frame = "width:100%;height:85vh;min-height:480px;border:1px solid #8884;border-radius:8px"
        inside = escape(self._page(), quote=True)
        return f'<iframe sandbox="allow-scripts allow-downloads" style="{frame}" srcdoc="{inside}"></iframe>'

    def __repr__(self) -> str:
        return f"<PictureExploration of {self.name}: {self.findings['headline']}>"

    def _hear(self, phase: str) -> Callable[[Report], None]:
        def hear(report: Report) -> None:
            done = (report.epoch - 1) * report.batches + report.batch
            self.progress(phase, done, report.epochs * report.batches)

        return hear

    def _find(self, rng: np.random.Generator) -> dict[str, Any]:
        from .. import __version__

        x = self.given.x
        n, c, h, w = x.shape
        low, high = self._range()
        order = np.argsort(self.score, kind="stable")
        odd, some = order[:ODD], np.sort(rng.permutation(n)[:SHOWN])
        back = np.asarray(self.model.reconstruct(x[some]))
        odd_back = np.asarray(self.model.reconstruct(x[odd]))
        show = np.sort(np.union1d(rng.permutation(n)[:DRAWN], odd))
        side = min(CELLS, max(4, int((n / 4) ** 0.5)))
        cells, held = self._cells(side)
        plane = grid(self.at, 12)
        decoded = np.asarray(self.model.inverse_transform(self._flat.inverse_transform(plane)))
        error = min(line["validation_loss"] for line in self.model.history_)  # of pictures held out
        kept = 1 - error / self._variance()
        size = f"{w} × {h} pixels{', in colour' if c == 3 else ''}"
        numbers = f"{self.model.code_size_} numbers in place of {c * h * w}"
        headline = f"{words.count(n, 'picture')} of {size}: {numbers} keep {words.share(max(0.0, kept))} of what varies"

        def shown(rows: Array) -> Array:
            return pixels(rows, low, high)

        return {
            "format": 1,
            "headline": headline,
            "summary": [*self.given.notices, self._odd_words(odd)],
            "pictures": {
                "name": self.name, "count": n, "channels": c, "height": h, "width": w,
                "code_size": self.model.code_size_, "kept": float(kept), "error_per_pixel": float(error / (c * h * w)),
            },
            "map": {
                "points": {
                    "x": self.at[show, 0].round(4).tolist(),
                    "y": self.at[show, 1].round(4).tolist(),
                    "name": [self.given.names[i] for i in show],
                    "marked": np.isin(show, odd).tolist(),
                },
                "shown": len(show),
                "cells": int(held.sum()),
            },
            "odd": [
                {
                    "name": self.given.names[i], "row": int(i) + 1, "score": float(self.score[i]),
                    "times": float(self.score[i] / self.score.mean()),
                    "image": uri(mosaic(np.stack([shown(x[i : i + 1]), shown(odd_back[j : j + 1])]), 1)),
                }
                for j, i in enumerate(odd)
            ],
            "images": {
                "cells": uri(mosaic(opaque(shown(x[cells].reshape(side, side, c, h, w)), held), 1, 0)),
                "decoded": uri(mosaic(shown(decoded.reshape(12, 12, c, h, w)), 1)),
                "before": uri(mosaic(np.stack([shown(x[some]), shown(back)]), 1)),
            },
            "made": self.made | {
                "tacit": __version__, "learned": min(n, LEARNED), "taken": self.model.n_iter_,
                "widths": list(self.model._widths()), "seconds": round(time.perf_counter() - self.started, 1),
            },
        }  # fmt: skip

    def _odd_words(self, odd: Array) -> str:
        worst = self.score[odd[0]] / self.score.mean()
        return f"The least typical, {self.given.names[odd[0]]}, comes back {worst:.1f} times worse than the average."

    def _cells(self, side: int) -> tuple[Array, Array]:
        """For each cell of a grid over the map, the picture nearest to its middle, and whether it lies there."""
        from scipy.spatial import cKDTree

        ranks = np.stack([np.argsort(np.argsort(v, kind="stable")) for v in self.at.T], axis=1) / len(self.at)
        middle = (np.arange(side) + 0.5) / side
        at = np.stack(np.meshgrid(middle, middle[::-1]), axis=-1).reshape(-1, 2)
        far, nearest = map(np.asarray, cKDTree(ranks).query(at))
        return nearest, (far < 1.0 / side).reshape(side, side)

    def _range(self) -> tuple[float, float]:
        x = self.given.x
        if x.dtype == np.uint8:
            return 0.0, 255.0
        low, high = float(x.min()), float(x.max())
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

    def _variance(self) -> float:
        """Σ over pixels of the variance, on the network's scale."""
        x = self.given.x.reshape(len(self.given.x), -1)
        pick = np.random.default_rng(0).permutation(len(x))[:LEARNED]
        some = (x[pick].astype(np.float64) - self.model.shift_) * self.model.scale_
        return float(some.var(axis=0).sum()) or 1.0
