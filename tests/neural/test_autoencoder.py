"""Autoencoders: the smallest case by hand, what they learn, pictures, tables, gaps, what they refuse."""

# ruff: noqa: E402
from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")
from sklearn.base import clone
from torch import nn

import tacit
from tacit.errors import ArgumentError, InputError, TacitWarning, TrainingError
from tacit.neural import estimator as estimators
from tacit.neural.nets import ConvDecoder, ConvEncoder, Dense, Tied

RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 6))  # six columns of rank two
UNIT = RNG.random((60, 5))
PICTURES = (RNG.random((40, 1, 9, 7)) * 255).astype(np.uint8)


def weights(part):
    return [p.detach().double().numpy() for p in part.parameters()]


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_the_smallest_case_is_its_formula() -> None:
    """z = σ(W₁x + b₁), x̃ = W₂z + b₂."""
    model = tacit.Autoencoder((3,), activation="logistic", scale=None, epochs=1, random_state=0).fit(PLANE)
    (W1, b1), (W2, b2) = weights(model.coder_.encoder), weights(model.coder_.decoder)
    z = logistic(PLANE @ W1.T + b1)
    np.testing.assert_allclose(model.transform(PLANE), z, rtol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(z), z @ W2.T + b2, rtol=1e-6)
    np.testing.assert_allclose(model.score_samples(PLANE), -((z @ W2.T + b2 - PLANE) ** 2).sum(1), rtol=1e-6)


def test_the_smallest_case_with_tied_weights_and_cross_entropy() -> None:
    """x̃ = σ(W₁ᵀz + b₂), L = -Σ x log x̃ + (1 - x) log(1 - x̃)."""
    model = tacit.Autoencoder((3,), activation="logistic", loss="cross_entropy", tied=True, epochs=2, random_state=0)
    model.fit(UNIT)
    W, b1 = weights(model.coder_.encoder)
    (b2,) = weights(model.coder_.decoder)
    back = logistic(logistic(UNIT @ W.T + b1) @ W + b2)
    np.testing.assert_allclose(model.reconstruct(UNIT), back, rtol=1e-6)
    expected = (UNIT * np.log(back) + (1 - UNIT) * np.log(1 - back)).sum(1)
    np.testing.assert_allclose(model.score_samples(UNIT), expected, rtol=1e-6)


def test_a_linear_autoencoder_finds_the_plane_of_pca() -> None:
    """Baldi and Hornik 1989: the least squared error of k linear codes is that of k principal components."""
    X = PLANE + 0.1 * RNG.normal(size=PLANE.shape)
    model = tacit.Autoencoder((2,), activation="identity", scale=None, epochs=100, learning_rate=0.02, random_state=0)
    least = tacit.PCA(2).fit(X).reconstruction_error(X).mean()
    assert least < -model.fit(X).score(X) < 1.05 * least


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", torch.sin, nn.Softplus()])
def test_depth_and_activations_bend_the_plane(activation) -> None:
    t = np.linspace(0, 1, 300)
    curve = np.column_stack([np.cos(4 * t), np.sin(4 * t)])
    model = tacit.Autoencoder((32, 1), activation=activation, epochs=60, learning_rate=0.01, random_state=0).fit(curve)
    line = tacit.PCA(1).fit(curve).reconstruction_error(curve).mean()
    assert ((model.reconstruct(curve) - curve) ** 2).sum(1).mean() < 0.5 * line


def test_tied_layers_have_the_transposed_weights_and_no_others() -> None:
    encoder = Dense((5, 4, 3), "identity")
    decoder = Tied(encoder, "identity")
    assert sum(p.numel() for p in decoder.parameters()) == 4 + 5
    z = torch.randn(2, 3)
    W1, W2 = (layer.weight for layer in encoder.linear)
    torch.testing.assert_close(decoder(z), z @ W2 @ W1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 7), (2, 5, 8), (1, 1, 6)])
@pytest.mark.parametrize("channels", [(4,), (4, 6), (4, 6, 8)])
def test_a_convolutional_decoder_gives_back_the_shape(shape, channels) -> None:
    encoder, decoder = (net(shape, channels, 3, "relu") for net in (ConvEncoder, ConvDecoder))
    z = encoder(torch.randn(2, *shape))
    assert z.shape == (2, 3)
    assert decoder(z).shape == (2, *shape)


@pytest.mark.parametrize("convolutional", ["auto", False])
def test_pictures_come_back_as_pictures_in_their_units(convolutional) -> None:
    model = tacit.Autoencoder((8, 6, 4), convolutional=convolutional, epochs=3, random_state=0).fit(PICTURES)
    codes, back = model.transform(PICTURES), model.reconstruct(PICTURES)
    assert codes.shape == (40, 4)
    assert back.shape == PICTURES.shape
    np.testing.assert_allclose(model.inverse_transform(codes), back, atol=1e-3)
    assert 60 < back.mean() < 200  # of 255
    flat = ((back - PICTURES) / 255.0).reshape(40, -1)
    np.testing.assert_allclose(model.score_samples(PICTURES), -(flat**2).sum(1), rtol=1e-4)
    with pytest.raises(InputError, match=r"pictures of shape \(1, 8, 7\)"):
        model.transform(PICTURES[:, :, 1:])
    with pytest.raises(InputError, match="rows, not pictures"):
        model.transform(PICTURES.reshape(40, -1))


def test_tensors_come_back_as_tensors() -> None:
    X = torch.from_numpy(PLANE.astype(np.float32))
    model = tacit.Autoencoder((4, 2), epochs=2, random_state=0).fit(X)
    assert isinstance(model.transform(X), torch.Tensor)
    assert model.reconstruct(X).dtype == torch.float32
    np.testing.assert_array_equal(model.transform(X).numpy(), model.transform(X.numpy()))


class Squeeze(nn.Module):
    """An encoder of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(x))


def test_modules_of_ones_own(tmp_path) -> None:
    pair = {"encoder": Squeeze(), "decoder": nn.Linear(2, 6)}
    before = [p.clone() for p in pair["encoder"].parameters()]
    model = clone(tacit.Autoencoder(epochs=3, random_state=0, **pair)).fit(PLANE)
    assert model.transform(PLANE).shape == (400, 2)
    for a, b in zip(pair["encoder"].parameters(), before, strict=True):
        assert torch.equal(a, b)  # a copy was trained
    with pytest.warns(TacitWarning, match=r"by name only, to be given to load\(\): decoder, encoder"):
        model.save(tmp_path / "m.tacit")
    back = tacit.load(tmp_path / "m.tacit", **pair)
    np.testing.assert_array_equal(back.transform(PLANE), model.transform(PLANE))
    with pytest.raises(ArgumentError, match="do not fit rows of 5 numbers"):
        tacit.Autoencoder(**pair).fit(UNIT)
    with pytest.raises(ArgumentError, match="decoder 6 numbers a row; for 2 rows they give"):
        tacit.Autoencoder(encoder=Squeeze(), decoder=nn.Linear(2, 5)).fit(PLANE)
    with pytest.raises(ArgumentError, match="together"):
        tacit.Autoencoder(encoder=Squeeze()).fit(PLANE)


def test_a_loss_of_ones_own() -> None:
    """The mean absolute error is least at the median: (0, 0, 0, 1) comes back as 0, with squared error as 1/4."""
    X = np.repeat([[0.0], [0.0], [0.0], [1.0]], 25, axis=0)
    shared = {"encoder": Nothing(), "decoder": nn.Linear(1, 1), "scale": None, "epochs": 200, "learning_rate": 0.05}
    absolute = tacit.Autoencoder(loss=lambda back, x: (back - x).abs().sum(1), random_state=0, **shared).fit(X)
    squared = tacit.Autoencoder(random_state=0, **shared).fit(X)
    assert abs(absolute.reconstruct(X)).max() < 0.05
    np.testing.assert_allclose(squared.reconstruct(X), 0.25, atol=0.02)


class Nothing(nn.Module):
    """A code that says nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x[:, :1])


def test_the_loss_of_a_mixed_row_by_hand() -> None:
    """Standardised numbers by squared error, categories by cross-entropy, a gap by nothing."""
    table = {
        "size": [1.5, 2.25, None, 4.75, 3.5, 9.25],
        "weight": [3.5, 1.5, 0.25, 2.75, 5.5, 6.5],
        "colour": ["red", "blue", "red", None, "green", "blue"],
    }
    model = tacit.Autoencoder((5, 2), epochs=2, random_state=0).fit(table)
    assert model.layout_.levels == (3,)
    assert model.layout_.gaps == (0,)
    parsed = tacit.Table.read(table)
    x, codes = np.asarray(parsed.block.x, dtype=float), parsed.block.codes[:, 0]
    mean, sd = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    z = (x - mean) / sd
    read = np.column_stack([np.nan_to_num(z), np.eye(4)[codes][:, :3] * (codes >= 0)[:, None], np.isnan(z[:, 0])])
    with torch.no_grad():
        coder = model.coder_.double()
        out = coder.decoder(coder.encoder(torch.from_numpy(read))).numpy()
    squares = np.nansum((out[:, :2] - z) ** 2, axis=1)
    logits = out[:, 2:] - np.log(np.exp(out[:, 2:]).sum(axis=1, keepdims=True))
    entropy = np.where(codes >= 0, -logits[np.arange(6), codes], 0)
    np.testing.assert_allclose(model.score_samples(table), -(squares + entropy), rtol=1e-5)
    back = model.reconstruct(table)
    assert back.column_names == list(table)
    np.testing.assert_allclose(back["weight"].to_numpy(), out[:, 1] * sd[1] + mean[1], atol=0.51)


def test_imputed_cells_follow_the_others_and_the_rest_stays() -> None:
    a = RNG.normal(size=300)
    whole = np.column_stack([a, 2 * a, -a]) + 5
    X = whole.copy()
    X[::7, 1] = np.nan
    model = tacit.Autoencoder((16, 1), epochs=60, learning_rate=0.01, random_state=0).fit(X)
    filled = model.impute(X)
    there = ~np.isnan(X)
    np.testing.assert_allclose(filled[there], X[there], rtol=1e-5)
    rms = np.sqrt(np.mean((filled - whole)[~there] ** 2))
    assert rms < 0.4 * whole[:, 1].std()
    table = {"a": X[:, 0], "b": X[:, 1], "word": np.where(a > 0, "up", "down").tolist()}
    table["word"][3] = None
    named = tacit.Autoencoder((16, 2), epochs=60, learning_rate=0.01, random_state=0).fit(table).impute(table)
    assert named["word"].to_pylist()[3] == ("up" if a[3] > 0 else "down")
    assert named["b"].null_count == 0


def test_saved_and_loaded_it_answers_the_same(tmp_path) -> None:
    for name, X in (("rows", PLANE), ("pictures", PICTURES), ("float32", PLANE.astype(np.float32))):
        model = tacit.Autoencoder((4, 3, 2), epochs=2, training=tacit.Training(clip=1.0), random_state=0).fit(X)
        model.save(tmp_path / name)
        back = tacit.load(tmp_path / name)
        np.testing.assert_array_equal(back.transform(X), model.transform(X))
        np.testing.assert_array_equal(back.reconstruct(X), model.reconstruct(X))
        assert back.history_ == model.history_
        assert back.training == model.training
        assert vars(back).keys() == vars(model).keys()


def test_a_fit_is_resumed_from_its_checkpoint_with_the_same_bits(tmp_path) -> None:
    def model(**training):
        options = tacit.Training(**training)
        return tacit.DenoisingAutoencoder((8, 2), epochs=6, batch_size=50, training=options, random_state=0)

    whole = model().fit(PLANE)
    part = model(callbacks=(lambda report: report.epoch == 3,)).fit(PLANE, checkpoint=tmp_path)
    assert part.stopped_ == "callback"
    assert part.n_iter_ < 6
    rest = model().fit(PLANE, checkpoint=tmp_path)
    np.testing.assert_array_equal(rest.transform(PLANE), whole.transform(PLANE))
    assert rest.history_ == whole.history_
    with pytest.raises(ArgumentError, match="was written with"):
        clone(rest).set_params(batch_size=40).fit(PLANE, checkpoint=tmp_path)
    with pytest.raises(ArgumentError, match=r"written with loss = "):
        clone(rest).set_params(loss=lambda back, x: (back - x).abs().sum(1)).fit(PLANE, checkpoint=tmp_path)


def test_early_stopping_holds_rows_out() -> None:
    options = tacit.Training(early_stopping=True, n_iter_no_change=2, validation_fraction=0.2)
    model = tacit.Autoencoder((4, 2), epochs=500, learning_rate=0.05, training=options, random_state=0).fit(PLANE)
    assert model.stopped_ == "early stopping"
    assert model.n_iter_ < 500
    losses = [line["validation_loss"] for line in model.history_]
    assert math.isclose(min(losses), losses[-3], rel_tol=1e-3)
    with pytest.raises(ArgumentError, match="leave none"):
        tacit.Autoencoder(training=tacit.Training(early_stopping=True, validation_fraction=1.0)).fit(PLANE)


# Laws.


def test_same_seed_same_bits_and_the_global_generator_untouched() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    a, b = (tacit.DenoisingAutoencoder((4, 2), epochs=2, random_state=5).fit(PLANE) for _ in range(2))
    np.testing.assert_array_equal(a.transform(PLANE), b.transform(PLANE))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_order_of_rows_does_not_matter() -> None:
    order = RNG.permutation(len(PLANE))
    a = tacit.Autoencoder((4, 2), epochs=2, random_state=0).fit(PLANE)
    b = tacit.Autoencoder((4, 2), epochs=2, random_state=0).fit(PLANE[order])
    np.testing.assert_allclose(a.transform(PLANE), b.transform(PLANE), rtol=1e-4, atol=1e-5)


def test_weight_two_is_the_row_twice_and_weight_zero_its_absence() -> None:
    w = RNG.integers(0, 3, len(PLANE))
    a = tacit.Autoencoder((4, 2), epochs=2, batch_size=32, random_state=0).fit(PLANE, sample_weight=w)
    b = tacit.Autoencoder((4, 2), epochs=2, batch_size=32, random_state=0).fit(np.repeat(PLANE, w, axis=0))
    np.testing.assert_allclose(a.transform(PLANE), b.transform(PLANE), rtol=1e-4, atol=1e-5)


def test_a_weight_that_is_no_whole_number_multiplies_the_loss() -> None:
    """One batch of all rows: the gradient of Σ w L / Σ w, which whole weights have by repetition."""
    w = RNG.integers(0, 3, 40)
    options = {"epochs": 5, "scale": None, "random_state": 0}
    a = tacit.Autoencoder((4, 2), batch_size=(w > 0).sum(), **options).fit(PLANE[:40], sample_weight=0.3 * w)
    b = tacit.Autoencoder((4, 2), batch_size=w.sum(), **options).fit(PLANE[:40], sample_weight=w)
    np.testing.assert_allclose(a.transform(PLANE), b.transform(PLANE), rtol=1e-3, atol=1e-4)


def test_units_and_origin_of_a_column_do_not_matter() -> None:
    """Columns are standardised: the codes are those of the same rows in other units."""
    a = tacit.Autoencoder((4, 2), epochs=2, batch_size=400, random_state=0).fit(PLANE)
    moved = PLANE * [1e-6, 1, 1e6, 3, 1e12, 1] + [0, 5, 1e9, -1, 0, 1e3]
    b = tacit.Autoencoder((4, 2), epochs=2, batch_size=400, random_state=0).fit(moved)
    np.testing.assert_allclose(a.transform(PLANE), b.transform(moved), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(a.score_samples(PLANE), b.score_samples(moved), rtol=1e-3)


LEGAL = {
    "constant": np.ones((20, 3)),
    "one row": [[1.0, 2.0]],
    "one column": PLANE[:, :1],
    "duplicated rows": np.repeat(PLANE[:5], 20, axis=0),
    "one-hot": np.eye(4)[RNG.integers(0, 4, 60)],
    "more columns than rows": RNG.normal(size=(6, 30)),
    "float16": PLANE.astype(np.float16),
    "int8": (PLANE * 5).astype(np.int8),
    "uint64": np.abs(PLANE * 5).astype(np.uint64),
    "bool": PLANE > 1,
    "strided": np.repeat(PLANE, 2, axis=1)[::2, ::2],
    "reversed": PLANE[::-1, ::-1],
    "huge": PLANE * 1e18,
    "tiny float32": (PLANE * 1e-18).astype(np.float32),
    "far from the origin": PLANE + 1e12,
    "an empty column": np.where(np.arange(6) == 2, np.nan, PLANE),
}


@pytest.mark.parametrize("name", ["Autoencoder", "VAE"])
@pytest.mark.parametrize("data", LEGAL)
def test_legal_data_never_crashes(name, data) -> None:
    X = LEGAL[data]
    model = getattr(tacit, name)((4, 2), epochs=1, random_state=0).fit(X)
    for said in (model.transform(X), model.reconstruct(X), model.score_samples(X)):
        assert len(said) == len(X)
        assert np.isfinite(said).all()


# What is refused.


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_sizes": ()}, "'hidden_sizes' parameter of Autoencoder"),
        ({"hidden_sizes": (4, 0)}, "widths >= 1"),
        ({"hidden_sizes": 4}, "a tuple of widths"),
        ({"activation": "rellu"}, "function of torch.nn.functional"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"output": "identity", "loss": "cross_entropy"}, "identity output is no probability"),
        ({"batch_size": 61}, "batch_size = 61 is more than the 60 rows"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"epochs": 1.5}, "'epochs' parameter"),
        ({"learning_rate": 0}, "'learning_rate' parameter"),
        ({"scale": "log"}, "'scale' parameter"),
        ({"training": {"clip": 1}}, "must be a tacit.Training"),
        ({"tied": True, "encoder": nn.Linear(5, 2), "decoder": nn.Linear(2, 5)}, "tied"),
        ({"random_state": "seed"}, "random_state"),
        ({"convolutional": True}, "X holds rows"),
    ],
)
def test_bad_arguments_are_refused_in_plain_words(parameters, message) -> None:
    with pytest.raises(ValueError, match=message):
        tacit.Autoencoder(**{"epochs": 1} | parameters).fit(UNIT)


def test_values_outside_the_unit_interval_for_cross_entropy() -> None:
    X = UNIT.copy()
    X[3, 2] = 1.5
    with pytest.raises(InputError, match=r"column 2 goes from .* to 1.5: give scale='range'"):
        tacit.Autoencoder(loss="cross_entropy", scale=None).fit(X)
    tacit.Autoencoder(loss="cross_entropy", scale="range", epochs=1, random_state=0).fit(X)
    with pytest.raises(InputError, match="likelihood='gaussian'"):
        tacit.VAE(likelihood="bernoulli", scale=None).fit(X)


def test_tied_weights_are_for_dense_layers() -> None:
    with pytest.raises(ArgumentError, match="convolutional=False"):
        tacit.Autoencoder((2,), tied=True).fit(np.zeros((10, 1, 4, 4)))


def test_too_little_memory(monkeypatch) -> None:
    monkeypatch.setattr(estimators, "free_bytes", lambda device: 10**5)
    with pytest.raises(ArgumentError, match=r"needs .* GiB .* free on cpu: make the layers narrower"):
        tacit.Autoencoder((1000, 2)).fit(UNIT)
    monkeypatch.undo()
    with pytest.raises(ArgumentError, match="make the layers narrower"):
        tacit.Autoencoder((2_000_000, 2_000_000, 2)).fit(UNIT)


def test_a_loss_that_turns_nan_leaves_the_last_good_state() -> None:
    def bad(back, x):
        nonlocal calls
        calls += 1
        return (back - x).square().sum(1) * (math.nan if calls == 3 else 1.0)

    calls = 0
    model = tacit.Autoencoder((4, 2), loss=bad, epochs=5, batch_size=30, random_state=0)
    with pytest.raises(TrainingError, match="loss is nan in epoch 2, batch 1 of 2"):
        model.fit(UNIT)
    assert np.isfinite(model.transform(UNIT)).all()


def test_a_rate_that_is_too_large_is_named() -> None:
    options = tacit.Training(optimizer=lambda p, rate: torch.optim.SGD(p, lr=rate))
    with pytest.raises(TrainingError, match="lower learning_rate"):
        tacit.Autoencoder((8, 2), learning_rate=1e3, epochs=50, training=options, random_state=0).fit(PLANE)
