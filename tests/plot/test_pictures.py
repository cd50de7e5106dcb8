"""Figures of codes and pictures, and the PNG files in them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tacit import plot
from tacit.errors import ArgumentError
from tacit.plot.png import mosaic, opaque, png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "mode"), [((5, 7), "L"), ((5, 7, 2), "LA"), ((5, 7, 3), "RGB"), ((5, 7, 4), "RGBA")])
def test_a_png_is_read_back_by_another_reader(shape, mode) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    x = RNG.integers(0, 256, shape, dtype=np.uint8)
    back = image.open(io.BytesIO(png(x)))
    assert back.mode == mode
    np.testing.assert_array_equal(np.asarray(back), x)


def test_a_mosaic_lays_pictures_side_by_side() -> None:
    x = RNG.integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    whole = mosaic(x, gap=2, ground=7)
    assert whole.shape == (10, 19)
    np.testing.assert_array_equal(whole[6:, 7:12], x[1, 1])
    assert (whole[4:6] == 7).all()
    seen = opaque(x, np.array([[True, False, True]] * 2))
    assert (seen[:, 1, ..., 1] == 0).all()
    assert (seen[:, 0, ..., 1] == 255).all()


class Plane:
    """Two pixels are the code."""

    def transform(self, X):
        return np.asarray(X, dtype=float).reshape(len(X), -1)[:, :2]

    def inverse_transform(self, Z):
        return np.column_stack([Z, Z]).reshape(len(Z), 1, 2, 2)


def test_codes_are_drawn_by_label() -> None:
    X = RNG.random((30, 1, 2, 2))
    made = plot.codes(Plane(), X, labels=["a"] * 10 + ["<b>"] * 20)
    assert [(t.name, len(t.x)) for t in made.data] == [("&lt;b&gt;", 20), ("a", 10)]
    np.testing.assert_allclose(made.data[1].x, X[:10, 0, 0, 0], atol=1e-4)
    assert len(plot.codes(Plane(), X, most=7).data[0].x) == 7
    with pytest.raises(ArgumentError, match="3 labels for 30 rows"):
        plot.codes(Plane(), X, labels=[1, 2, 3])


def test_more_than_two_codes_are_shown_in_their_main_plane() -> None:
    class All:
        def transform(self, X):
            return np.asarray(X)

    X = np.column_stack([0.1 * RNG.normal(size=200), 5 * RNG.normal(size=200), RNG.normal(size=200)])
    made = plot.codes(All(), X)
    assert abs(np.corrcoef(made.data[0].x, X[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(made.data[0].y, X[:, 2])[0, 1]) > 0.99


def test_the_decoded_grid_and_strips_are_pictures() -> None:
    X = RNG.random((30, 1, 2, 2))
    assert plot.decoded(Plane(), X, side=4).data[0].source.startswith("data:image/png;base64,")
    made = plot.strips(X, X / 2, X)
    assert made.layout.yaxis.ticktext == ("source", "corrupted", "recovered")
    with pytest.raises(ArgumentError, match="of one shape"):
        plot.strips(X, X[:, :, :1])
    with pytest.raises(ArgumentError, match="fitted to rows"):
        plot.decoded(type("Rows", (Plane,), {"inverse_transform": lambda self, Z: Z})(), X)
