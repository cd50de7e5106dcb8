"""Masked cells: what counts, what is seen, what is filled."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

import tacit
from tacit import MaskedAutoencoder, Training
from tacit.errors import ArgumentError, DataNotice
from tacit.neural.corruption import masked
from tacit.neural.inputs import Cells
from tacit.neural.masked import MaskedCells, hidden
from tacit.train import Batch

RNG = np.random.default_rng(0)
SIZE = RNG.normal(size=(300, 1))
X = SIZE @ np.ones((1, 4)) + 0.1 * RNG.normal(size=(300, 4))
TABLE = pa.table(
    {
        "a": X[:, 0],
        "b": X[:, 1],
        "side": np.where(SIZE[:, 0] > 0, "right", "left"),
        "size": np.where(SIZE[:, 0] > 0, "big", "small"),
        "id": [f"row {i}" for i in range(300)],
    }
)
SMALL = {"hidden_sizes": (24, 8), "epochs": 20, "learning_rate": 0.01, "random_state": 0}


@pytest.fixture(scope="module")
def numbers() -> MaskedAutoencoder:
    return MaskedAutoencoder(**SMALL).fit(X)


@pytest.fixture(scope="module")
def table() -> MaskedAutoencoder:
    with pytest.warns(DataNotice, match="'id': left out"):
        return MaskedAutoencoder(**SMALL).fit(TABLE)


def test_cells_are_given_or_foretold_and_gaps_are_neither() -> None:
    torch.manual_seed(0)
    seen = (torch.rand(50, 3) > 0.2).float()
    there = Cells(torch.randn(50, 3) * seen, seen, torch.randint(-1, 4, (50, 2)))
    given = masked(there, 0.4)
    told = hidden(there, given)
    assert torch.equal(given.seen + told.seen, there.seen)
    assert ((given.codes >= 0).int() + (told.codes >= 0).int() == (there.codes >= 0).int()).all()
    assert 0.3 < told.seen.sum() / there.seen.sum() < 0.5
    assert (given.x[told.seen > 0] == 0).all()


def test_a_gap_never_counts() -> None:
    """The decoder may write what it likes there; of cells that were hidden each counts once."""
    model = MaskedAutoencoder((4, 2), epochs=1, level=1.0, scale=None, random_state=0).fit(X)
    holes = X.copy()
    holes[::2, 1] = np.nan
    objective = MaskedCells(model.coder_, model._judge(), 1.0)
    with torch.no_grad():  # all is hidden: every row gets the same answer
        found = objective(Batch(torch.from_numpy(holes)))["loss"]
        nothing = Cells(torch.zeros(1, 4), torch.zeros(1, 4), None)
        out = model.coder_.decode(model.coder_.encode(nothing)).numpy()
    assert float(found) == pytest.approx(np.nansum((out - holes) ** 2) / len(X), rel=1e-5)


def test_a_cell_does_not_see_itself(numbers: MaskedAutoencoder) -> None:
    back = numbers.reconstruct(X)
    for j in range(4):
        other = X.copy()
        other[:, j] = RNG.normal(size=len(X))
        again = numbers.reconstruct(other)
        np.testing.assert_allclose(again[:, j], back[:, j], rtol=1e-9)
        assert not np.allclose(np.delete(again, j, 1), np.delete(back, j, 1))


def test_a_category_does_not_see_itself(table: MaskedAutoencoder) -> None:
    back = table.reconstruct(TABLE)
    flipped = TABLE.set_column(2, "side", pa.array(np.where(SIZE[:, 0] > 0, "left", "right")))
    assert table.reconstruct(flipped)["side"].equals(back["side"])


def test_a_gap_is_filled_by_what_the_others_make_of_it(numbers: MaskedAutoencoder) -> None:
    back = numbers.reconstruct(X)
    for j in range(4):
        holes = X.copy()
        holes[:, j] = np.nan
        filled = numbers.impute(holes)
        np.testing.assert_allclose(filled[:, j], back[:, j], rtol=1e-9)
        np.testing.assert_allclose(np.delete(filled, j, 1), np.delete(X, j, 1))


def test_scores_are_the_errors_of_that(numbers: MaskedAutoencoder) -> None:
    errors = ((numbers.reconstruct(X) - X) * numbers.scale_) ** 2
    np.testing.assert_allclose(numbers.score_samples(X), -errors.sum(axis=1), rtol=1e-9)
    odd = X[:5] * [[1, -1, 1, 1]] + [[0, 4, 0, 0]]
    assert numbers.score_samples(odd).max() < np.quantile(numbers.score_samples(X), 0.05)


def test_what_is_filled_is_near(numbers: MaskedAutoencoder) -> None:
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.3, np.nan, X)
    holes[0] = np.nan  # nothing is known: the mean
    filled, gap = numbers.impute(holes), np.isnan(holes)
    gap[0] = False
    assert np.sqrt(np.mean((filled - X)[gap] ** 2)) < 0.5
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("level", [0.3, None])
def test_it_learns_from_rows_with_gaps(level: float | None) -> None:
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    filled = MaskedAutoencoder(**SMALL, level=level).fit(holes).impute(holes)
    assert np.sqrt(np.mean((filled - X)[np.isnan(holes)] ** 2)) < 0.6


def test_tables_come_back_whole(table: MaskedAutoencoder) -> None:
    side = [None if i % 3 == 0 else s for i, s in enumerate(TABLE["side"].to_pylist())]
    filled = table.impute(TABLE.set_column(2, "side", pa.array(side)))
    assert filled.column_names == TABLE.column_names
    right = np.mean([a == b for a, b in zip(filled["side"].to_pylist(), TABLE["side"].to_pylist(), strict=True)])
    assert right > 0.97
    assert table.transform(TABLE).shape == (300, 8)
    assert not hasattr(table, "inverse_transform")


def test_few_labels(table: MaskedAutoencoder) -> None:
    y = (SIZE[:, 0] > 0.3).astype(int)
    model = table.to_classifier(epochs=20, batch_size=10, learning_rate=0.01, random_state=0).fit(TABLE[:40], y[:40])
    assert model.score(TABLE[40:], y[40:]) > 0.9


def test_stopped_taken_up_again_saved_and_loaded(numbers: MaskedAutoencoder, tmp_path) -> None:
    stop = Training(callbacks=(lambda report: report.epoch == 5,))
    MaskedAutoencoder(**SMALL, training=stop).fit(X, checkpoint=tmp_path)
    again = MaskedAutoencoder(**SMALL).fit(X, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.transform(X), numbers.transform(X))
    again.save(tmp_path / "m.tacit")
    np.testing.assert_array_equal(tacit.load(tmp_path / "m.tacit").score_samples(X), numbers.score_samples(X))


@pytest.mark.parametrize("level", [0, 1.2, "many"])
def test_the_share(level: object) -> None:
    with pytest.raises(ArgumentError, match="'level' parameter"):
        MaskedAutoencoder(level=level).fit(X)
