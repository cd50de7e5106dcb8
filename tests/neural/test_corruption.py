"""Corruptions: what they do to cells, and that a network learns to undo it."""

# ruff: noqa: E402
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")

import tacit
from tacit.errors import ArgumentError
from tacit.neural.corruption import corruption
from tacit.neural.inputs import Cells

torch.manual_seed(0)
X = torch.rand(200, 50) + 1
SEEN = (torch.rand(200, 50) > 0.2).float()


def test_gaussian_noise_has_its_level_and_leaves_gaps() -> None:
    out = corruption("gaussian", 0.5)(Cells(X * SEEN, SEEN, None))
    assert (out.x[SEEN == 0] == 0).all()
    noise = (out.x - X)[SEEN == 1]
    assert abs(float(noise.std()) - 0.5) < 0.02
    assert abs(float(noise.mean())) < 0.02


def test_masking_takes_cells_away_and_says_where() -> None:
    codes = torch.randint(0, 3, (200, 4))
    out = corruption("masking", 0.25)(Cells(X * SEEN, SEEN, codes))
    gone = (out.x == 0) & (SEEN == 1)
    assert abs(float(gone.sum() / SEEN.sum()) - 0.25) < 0.02
    assert torch.equal(out.seen == 0, out.x == 0)
    assert torch.equal(out.x[~gone], (X * SEEN)[~gone])
    assert abs(float((out.codes < 0).float().mean()) - 0.25) < 0.05
    assert torch.equal(out.codes[out.codes >= 0], codes[out.codes >= 0])


def test_salt_and_pepper_sets_ends() -> None:
    low, high = np.zeros(50), np.linspace(3, 4, 50)
    out = corruption("salt_and_pepper", 0.3, low, high)(Cells(X, None, None)).x
    top = torch.as_tensor(high, dtype=out.dtype).expand_as(out)
    for end in (torch.zeros_like(out), top):
        assert abs(float((out == end).float().mean()) - 0.15) < 0.02
    same = out == X
    assert abs(float(same.float().mean()) - 0.7) < 0.02


def test_a_callable_is_called_with_the_numbers() -> None:
    out = corruption(lambda x: -x, 0.0)(Cells(X, None, None))
    assert torch.equal(out.x, -X)


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt_and_pepper"])
def test_denoising_beats_the_noise_and_a_plain_autoencoder_on_it(kind) -> None:
    rng = np.random.default_rng(0)
    clean = np.clip(rng.random((600, 2)) @ rng.random((2, 12)) / 2, 0, 1)
    u, level = rng.random(clean.shape), 0.3
    noisy = {
        "gaussian": clean + level * rng.normal(size=clean.shape),
        "masking": np.where(u < level, 0, clean),
        "salt_and_pepper": np.where(u < level / 2, clean.min(0), np.where(u < level, clean.max(0), clean)),
    }[kind]
    options = {"scale": None, "epochs": 60, "learning_rate": 0.01, "random_state": 0}
    model = tacit.DenoisingAutoencoder((32, 8), corruption=kind, level=level, **options).fit(clean)
    plain = tacit.Autoencoder((32, 8), **options).fit(clean)
    error = ((model.denoise(noisy) - clean) ** 2).mean()
    assert error < 0.5 * ((noisy - clean) ** 2).mean()
    assert error < ((plain.reconstruct(noisy) - clean) ** 2).mean()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"corruption": "blur"}, "'corruption' parameter of DenoisingAutoencoder"),
        ({"corruption": "masking", "level": 1.5}, r"'level' parameter.*\[0, 1\] for masking"),
        ({"level": -0.1}, "'level' parameter"),
        ({"level": "much"}, "'level' parameter"),
    ],
)
def test_bad_corruptions(parameters, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        tacit.DenoisingAutoencoder(**parameters).fit(np.ones((4, 2)))
