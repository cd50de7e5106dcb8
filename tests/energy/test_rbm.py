"""The estimators: defaults that learn, doors, verbs, divergence, files, parity with scikit-learn."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM as Theirs

import tacit
from tacit.energy.likelihood import exact_log_partition
from tacit.errors import ArgumentError, DataNotice, InputError, TrainingError

PAIRS = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 20, axis=0)
DIGITS = load_digits().data


def bars_and_stripes(side: int) -> np.ndarray:
    words = (np.arange(2**side)[:, None] >> np.arange(side)) & 1
    return np.concatenate([words.repeat(side, axis=1), np.tile(words, side)]).astype(float)


@pytest.fixture(scope="module")
def digits():
    return tacit.RBM(48, n_iter=150, random_state=0).fit(DIGITS)


def test_defaults_learn_bars_and_stripes():
    X = bars_and_stripes(3)
    model = tacit.RBM(12, n_iter=2500, n_chains=64, random_state=0).fit(X)
    assert model.log_likelihood(X).mean > -3.6  # the ceiling is -2.60, independent bits reach -6.24


def test_defaults_stay_with_patterns_that_lie_far_apart():
    """Bars and stripes 4 x 4, ceiling -3.38: chains of one temperature fall behind, below -20."""
    words = (np.arange(16)[:, None] >> np.arange(4)) & 1
    X = np.concatenate([words.repeat(4, axis=1), np.tile(words, 4)])
    assert tacit.RBM(n_iter=3000, random_state=0).fit(X).log_likelihood(X).mean > -4.2


def test_defaults_learn_digits(digits):
    found = digits.log_likelihood(DIGITS, ladder=500)
    assert found.low <= found.mean <= found.high
    assert found.mean > -30  # independent pixels: -38
    assert digits.transform(DIGITS).shape == (1797, 48)
    assert ((digits.reconstruct(DIGITS) - DIGITS) ** 2).mean() < 0.6 * DIGITS.var(axis=0).mean()


def test_rows_are_completed_better_than_by_the_mean(digits):
    X = DIGITS[:60].copy()
    X[:, 32:] = np.nan
    back = digits.condition(X, n_steps=60)
    np.testing.assert_array_equal(back[:, :32], DIGITS[:60, :32])
    error, plain = (((a - DIGITS[:60, 32:]) ** 2).mean() for a in (back[:, 32:], DIGITS[:, 32:].mean(0)))
    assert error < 0.9 * plain


def test_conditions_are_those_of_the_distribution():
    """E[v_0 | v_1 = 1] by clamped chains and by enumeration."""
    model = tacit.RBM(3, n_iter=100, random_state=0).fit(np.random.default_rng(0).integers(0, 2, (200, 3)))
    model.components_ = np.random.default_rng(1).normal(0, 2, (3, 3)).astype(np.float32)
    every = np.array(np.meshgrid(*[[0, 1]] * 3, indexing="ij")).reshape(3, -1).T.astype(float)
    p = np.exp(model.score_samples(every))
    known = every[:, 1] == 1
    want = (p[known, None] * every[known]).sum(0) / p[known].sum()
    got = model.condition([[np.nan, 1, np.nan]], n_steps=2000, n_chains=20)[0]
    np.testing.assert_allclose(got, want, atol=0.03)


def test_probabilities_sum_to_one_and_samples_have_them():
    model = tacit.RBM(4, n_iter=200, random_state=0).fit(PAIRS)
    every = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, -1).T.astype(float)
    p = np.exp(model.score_samples(every))
    assert p.sum() == pytest.approx(1, abs=1e-4)
    drawn = model.sample(4000)
    counts = np.array([(drawn == row).all(1).sum() for row in every])
    assert (((counts - 4000 * p) ** 2) / np.maximum(4000 * p, 1)).sum() < 60


def test_samples_of_a_machine_too_large_to_enumerate_have_its_means(digits):
    drawn = digits.sample(400, n_steps=300)
    assert set(np.unique(drawn)) <= {0.0, 16.0}
    assert abs(drawn.mean() - DIGITS.mean()) < 0.6
    assert np.corrcoef(drawn.mean(0), DIGITS.mean(0))[0, 1] > 0.97


def test_gaussian_columns_have_the_density_of_a_mixture():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((600, 1)) < 0.5, -3, 3) * [1.0, 50.0] + rng.normal(size=(600, 2)) * [0.4, 20.0]
    model = tacit.RBM(4, learn_variance=True, n_iter=300, learning_rate=0.05, random_state=0).fit(X)
    assert model.columns_.kinds == ("gaussian", "gaussian")
    single = tacit.GaussianMixture(1).fit(X).score(X)
    assert model.score(X) > single + 0.15
    a, b = np.meshgrid(np.linspace(-12, 12, 120), np.linspace(-600, 600, 120))
    p = np.exp(model.score_samples(np.column_stack([a.ravel(), b.ravel()])))
    assert p.sum() * (24 / 119) * (1200 / 119) == pytest.approx(1, abs=0.01)


def test_counts_are_poisson_given_what_is_hidden():
    rng = np.random.default_rng(0)
    X = rng.poisson(np.where(rng.random((400, 1)) < 0.5, [8.0, 1.0], [1.0, 8.0]))
    model = tacit.RBM(3, visible="count", n_iter=200, learning_rate=0.02, random_state=0).fit(X)
    alone = (
        sum(np.mean(c * np.log(c.mean()) - c.mean()) for c in X.T)
        - np.mean([np.log(np.arange(1, v + 1)).sum() for v in X.ravel()]) * 2
    )
    assert model.score(X) > alone + 0.3
    assert np.corrcoef(model.sample(2000).T)[0, 1] < -0.2


def test_a_table_of_all_kinds_with_gaps(tmp_path):
    model = tacit.RBM(6, n_iter=60, random_state=0).fit("sample:tips")
    assert model.columns_.sizes == (3, 3, 0, (4,))
    assert model.sample(3).column_names == ["total_bill", "tip", "sex", "smoker", "day", "time", "size"]
    frame = tacit.Table.read("sample:tips").frame.to_pandas()
    frame.loc[:9, "day"] = None
    frame.loc[5:14, "tip"] = np.nan
    full = model.condition(frame, n_steps=40).to_pandas()
    assert not full.isna().any().any()
    assert (full["sex"] == frame["sex"]).all()
    again = tacit.RBM(6, n_iter=3, random_state=0).fit(frame)
    assert np.isfinite(again.score_samples(frame)).all()
    model.save(tmp_path / "tips.tacit")
    np.testing.assert_array_equal(tacit.load(tmp_path / "tips.tacit").score_samples(frame), model.score_samples(frame))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "cd", "k": 3, "momentum": 0.5},
        {"method": "pt", "n_temperatures": 4},
        {"method": "exact", "learning_rate": 1.0},
        {"centering": False, "weight_decay": 1e-4},
        {"sparsity_target": 0.3},
        {"resample": True},
        {"hidden": "rectified", "method": "exact", "learning_rate": 0.05, "n_iter": 800},
        {"n_chains": 60, "track": 50},
    ],
    ids=str,
)
def test_every_way_of_learning_beats_independent_bits(options):
    model = tacit.RBM(4, **{"n_iter": 200, "learning_rate": 0.5, "random_state": 0} | options).fit(PAIRS)
    assert model.log_likelihood(PAIRS).mean > -2.0  # independent bits: -2.77; the ceiling: -0.69
    if "track" in options:
        last = model.history_[-1]
        assert last["nll_low"] <= last["nll"] <= last["nll_high"]


@pytest.mark.parametrize(("m", "n_iter", "least"), [(16, 1000, -2.2), (128, 20, -2.9)])
def test_persistent_chains_of_units_without_a_bound_do_not_run_away(m, n_iter, least):
    """Independent bits: -2.77. However many units there are, they start near that, and the default rate goes up."""
    model = tacit.RBM(m, hidden="rectified", n_iter=n_iter, random_state=0).fit(PAIRS)
    assert model.log_likelihood(PAIRS).mean > least


def test_a_sparsity_target_is_met():
    plain, sparse = (
        tacit.RBM(16, n_iter=30, sparsity_target=t, sparsity_cost=1.0, random_state=0).fit(DIGITS) for t in (None, 0.1)
    )
    off, on = (abs(m.transform(DIGITS).mean(0) - 0.1).mean() for m in (plain, sparse))
    assert on < 0.5 * off


def test_the_same_seed_gives_the_same_bits_and_a_checkpoint_goes_on(tmp_path):
    fit = lambda **kw: tacit.RBM(5, n_iter=6, random_state=3, **kw)  # noqa: E731
    one, two = fit().fit(DIGITS), fit().fit(DIGITS)
    np.testing.assert_array_equal(one.components_, two.components_)
    stop = tacit.Training(callbacks=(lambda report: report.epoch == 3 and report.ended,))
    with_stop = fit(training=stop).fit(DIGITS, checkpoint=tmp_path)
    assert with_stop.stopped_ == "callback"
    on = fit().fit(DIGITS, checkpoint=tmp_path)
    np.testing.assert_array_equal(on.components_, one.components_)


def test_weights_are_repetitions():
    w = np.tile([1, 2], len(PAIRS) // 2)
    one = tacit.RBM(3, n_iter=5, random_state=0).fit(PAIRS, sample_weight=w)
    two = tacit.RBM(3, n_iter=5, random_state=0).fit(np.repeat(PAIRS, w, axis=0))
    np.testing.assert_array_equal(one.components_, two.components_)


def test_divergence_stops_with_advice_and_the_last_good_state():
    X = np.repeat(bars_and_stripes(4), 4, axis=0)
    model = tacit.RBM(64, learning_rate=60.0, momentum=0.9, centering=False, n_iter=500, random_state=0)
    with pytest.raises(TrainingError, match=r"learning diverged.*Lower learning_rate.*last good state"):
        model.fit(X)
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("rate", [2.0, 10.0, 100.0])
def test_what_is_kept_of_learning_that_broke_down_is_finite(rate):
    X = np.random.default_rng(0).multivariate_normal(np.zeros(4), np.eye(4) + 0.5, 400)
    model = tacit.RBM(16, hidden="rectified", learning_rate=rate, n_iter=300, random_state=0)
    with pytest.raises(TrainingError):
        model.fit(X)
    assert np.isfinite(model.transform(X)).all()


def test_bad_input_names_column_and_kind():
    X = np.column_stack([np.arange(6) - 2.0, np.zeros(6)])
    with pytest.raises(InputError, match=r"column '0' goes from -2 to 3: 'gaussian' fits"):
        tacit.RBM(2, visible="binary").fit(X)
    with pytest.raises(InputError, match="count units need whole numbers"):
        tacit.RBM(2, visible=["count", "auto"]).fit(X)
    with pytest.raises(ArgumentError, match="lists 1 kinds for 2 columns"):
        tacit.RBM(2, visible=["binary"]).fit(X)
    with pytest.raises(ArgumentError, match="no finite Z"):
        tacit.RBM(2, visible="count", hidden="rectified").fit(np.arange(8).reshape(4, 2))
    with pytest.raises(ArgumentError, match=r"2\^256 states"):
        tacit.RBM(n_iter=1, random_state=0).fit(np.eye(300)).log_likelihood(np.eye(300), "exact")
    with pytest.raises(InputError, match=r"column '1' goes from 0 to 3: RBM"):
        tacit.BernoulliRBM().fit([[0, 3.0], [1, 0]])


def test_a_wide_bracket_is_said():
    model = tacit.RBM(30, n_iter=10, random_state=0).fit(DIGITS)
    model.components_ = (model.components_ + np.random.default_rng(0).normal(0, 1.5, (30, 64))).astype(np.float32)
    with pytest.warns(DataNotice, match="a longer ladder narrows it"):
        model.log_likelihood(DIGITS, ladder=5)


# scikit-learn's BernoulliRBM


def twins():
    """The same parameters in both."""
    X = (DIGITS[:300] > 8).astype(float)
    ours = tacit.BernoulliRBM(20, n_iter=3, random_state=0).fit(X)
    theirs = Theirs(20, n_iter=1, random_state=0).fit(X)
    theirs.components_, theirs.intercept_hidden_, theirs.intercept_visible_ = (
        np.asarray(a, dtype=float) for a in (ours.components_, ours.intercept_hidden_, ours.intercept_visible_)
    )
    return X, ours, theirs


def test_the_signature_is_scikit_learns():
    assert str(inspect.signature(Theirs.__init__)) == str(
        inspect.signature(clone(tacit.BernoulliRBM()).__init__)
    ).replace(
        "(n_components: 'int' = 256, *, learning_rate: 'float' = 0.1, batch_size: 'int' = 10, n_iter: 'int' = 10, "
        "verbose: 'int' = 0, random_state: 'Seed' = None) -> 'None'",
        "(self, n_components=256, *, learning_rate=0.1, batch_size=10, n_iter=10, verbose=0, random_state=None)",
    )
    assert tacit.BernoulliRBM().get_params() == Theirs().get_params()
    X = (DIGITS[:50] > 8).astype(float)
    mine, other = tacit.BernoulliRBM(3, n_iter=1).fit(X), Theirs(3, n_iter=1).fit(X)
    learned = {k for k in vars(other) if k.endswith("_") and not k.startswith("_")}
    assert learned <= set(vars(mine))
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        assert getattr(mine, name).shape == getattr(other, name).shape


def test_answers_are_scikit_learns():
    X, ours, theirs = twins()
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-6)
    ours.random_state = theirs.random_state = rng = np.random.RandomState(0)  # goes on from call to call
    assert rng is theirs.random_state
    many = [[np.mean([m.score_samples(X).mean() for _ in range(30)]), m.gibbs(X).mean()] for m in (ours, theirs)]
    np.testing.assert_allclose(*many, rtol=0.03)


def test_both_learn_alike():
    X = (DIGITS > 8).astype(float)
    fits = [cls(24, n_iter=8, learning_rate=0.05, random_state=0).fit(X) for cls in (tacit.BernoulliRBM, Theirs)]
    scores = [m.score_samples(X).mean() for m in fits]
    assert scores[0] > scores[1] - 0.1 * abs(scores[1])


def test_partial_fit_and_sparse_rows():
    sp = pytest.importorskip("scipy.sparse")
    X = (DIGITS[:200] > 8).astype(np.float32)
    dense, sparse = (tacit.BernoulliRBM(5, n_iter=2, random_state=0).fit(a) for a in (X, sp.csr_matrix(X)))
    np.testing.assert_array_equal(dense.components_, sparse.components_)
    model = tacit.BernoulliRBM(5, batch_size=50, random_state=0)
    for lo in range(0, 200, 50):
        model.partial_fit(X[lo : lo + 50])
    assert not np.array_equal(model.intercept_visible_, np.zeros(64))


def test_global_generators_are_not_touched():
    torch.manual_seed(7)
    before, seed = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = tacit.RBM(3, n_iter=2, random_state=0).fit(PAIRS)
        model.sample(3)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(seed, np.random.get_state()[1])  # noqa: NPY002
    assert exact_log_partition(model._machine(torch.device("cpu"))) == model._log_partition().value
