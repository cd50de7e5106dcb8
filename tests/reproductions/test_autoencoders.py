"""The small versions of the published figures of autoencoders run, and move in the right direction."""

from __future__ import annotations

from functools import partial

import pytest

from .scripts import script, small

torch = pytest.importorskip("torch", reason="the deep part needs torch")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


quick = partial(small, "autoencoders")


def test_a_deep_code_beats_as_many_principal_components() -> None:
    found = quick("reconstruction")
    assert found["network"]["mean"] < found["PCA"]


def test_codes_group_better_than_pixels() -> None:
    found = quick("clustering")
    assert found["codes"]["nmi"] > found["pixels"]["nmi"] - 0.03
    assert found["codes"]["accuracy"] > found["pixels"]["accuracy"] - 0.1


def test_pretraining_wins_with_few_labels_and_costs_nothing_with_many() -> None:
    found = quick("labels")
    assert found["50 labels, pre-trained"]["mean"] > found["50 labels, random"]["mean"] + 0.03
    assert found["1300 labels, pre-trained"]["mean"] > found["50 labels, pre-trained"]["mean"] + 0.05


def test_denoising_beats_both_filters() -> None:
    found = quick("denoising")
    for kind in ("masked", "gaussian"):
        best = max(found[f"{kind}, PCA"], found[f"{kind}, median filter"])
        assert found[f"{kind}, autoencoder"]["mean"] > best + 0.5


def test_the_bound_falls_and_tightens_with_samples_and_with_the_weighted_objective() -> None:
    found = quick("likelihood")
    vae, iwae = found["VAE, seed 0"], found["IWAE, seed 0"]
    assert vae["last epoch"] < vae["first epoch"] - 2
    for each in (vae, iwae):
        assert each["100 samples"] < each["20 samples"] < each["1 samples"]
    assert iwae["100 samples"] < vae["100 samples"]


def test_outliers_stand_out() -> None:
    found = quick("outliers")
    assert found["mean"] > 0.8


def test_a_mixed_table_is_imputed_and_drawn() -> None:
    found = quick("adult")["seed 0"]
    for model in ("VAE", "JointMixture"):
        assert found[model]["rmse"] < 1.3
        assert found[model]["right"] > 0.4
        assert found[model]["accuracy"] > 0.5


def test_codes_of_words_beat_two_singular_vectors() -> None:
    found = quick("newsgroups")
    assert found["codes"]["mean"] > found["LSA"] + 0.03


def test_more_bits_show_more() -> None:
    found = quick("compression")
    for way in ("autoencoder", "PCA"):
        few, *_, more = (value for key, value in found.items() if key.endswith(way))
        assert more > few + 1
    few = {key.split(", ")[1]: value for key, value in found.items() if key.startswith("12 bits")}
    assert few["codebook"] > max(few["PCA"], few["autoencoder"])  # nothing beats as many pictures as 12 bits can name


def test_the_page_has_the_figures_that_the_results_hold() -> None:
    page = script("autoencoders", "table")
    assert page.table() in page.PAGE.read_text(encoding="utf-8")
