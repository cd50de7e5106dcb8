"""tacit learns from data nobody labelled: give it rows, it learns p(x), and answers what p(x) answers."""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adversarial.game import Game as Game
    from .adversarial.gan import GAN as GAN
    from .adversarial.gan import ConditionalGAN as ConditionalGAN
    from .adversarial.growing import ProgressiveGAN as ProgressiveGAN
    from .cluster.kmeans import KMeans as KMeans
    from .cluster.minibatch import MiniBatchKMeans as MiniBatchKMeans
    from .data.answers import write_answers as write_answers
    from .data.files import scan as scan
    from .data.source import as_source as as_source
    from .data.table import Table as Table
    from .decomposition.factor import PPCA as PPCA
    from .decomposition.factor import FactorAnalysis as FactorAnalysis
    from .decomposition.pca import PCA as PCA
    from .embedding.node import NodeEmbedding as NodeEmbedding
    from .embedding.word import WordEmbedding as WordEmbedding
    from .energy.bernoulli import BernoulliRBM as BernoulliRBM
    from .energy.boltzmann import BoltzmannMachine as BoltzmannMachine
    from .energy.dbn import DBN as DBN
    from .energy.rbm import RBM as RBM
    from .exploration import Exploration as Exploration
    from .exploration import explore as explore
    from .findings.pictures import explore_pictures as explore_pictures
    from .language.classifier import TextClassifier as TextClassifier
    from .language.generative import GenerativeClassifier as GenerativeClassifier
    from .language.model import LanguageModel as LanguageModel
    from .language.ngram import NGramModel as NGramModel
    from .mixture.bayesian import BayesianGaussianMixture as BayesianGaussianMixture
    from .mixture.gaussian import GaussianMixture as GaussianMixture
    from .mixture.joint import JointMixture as JointMixture
    from .mixture.outliers import OutlierDetector as OutlierDetector
    from .mixture.selection import select as select
    from .neural.autoencoder import Autoencoder as Autoencoder
    from .neural.autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
    from .neural.classifier import NetworkClassifier as NetworkClassifier
    from .neural.masked import MaskedAutoencoder as MaskedAutoencoder
    from .neural.stacked import StackedAutoencoder as StackedAutoencoder
    from .neural.vae import VAE as VAE
    from .persist import load as load
    from .train.loop import Training as Training

try:
    __version__ = version("tacit")
except PackageNotFoundError:  # a source tree on the path, not installed
    __version__ = "0.0.0"

_WHERE = {  # public name -> module; imported when first used
    "Autoencoder": "neural.autoencoder",
    "BayesianGaussianMixture": "mixture.bayesian",
    "BernoulliRBM": "energy.bernoulli",
    "BoltzmannMachine": "energy.boltzmann",
    "ConditionalGAN": "adversarial.gan",
    "DBN": "energy.dbn",
    "DenoisingAutoencoder": "neural.autoencoder",
    "Exploration": "exploration",
    "FactorAnalysis": "decomposition.factor",
    "GAN": "adversarial.gan",
    "Game": "adversarial.game",
    "GaussianMixture": "mixture.gaussian",
    "GenerativeClassifier": "language.generative",
    "JointMixture": "mixture.joint",
    "LanguageModel": "language.model",
    "MaskedAutoencoder": "neural.masked",
    "NGramModel": "language.ngram",
    "NetworkClassifier": "neural.classifier",
    "NodeEmbedding": "embedding.node",
    "OutlierDetector": "mixture.outliers",
    "PCA": "decomposition.pca",
    "PPCA": "decomposition.factor",
    "ProgressiveGAN": "adversarial.growing",
    "RBM": "energy.rbm",
    "StackedAutoencoder": "neural.stacked",
    "Table": "data.table",
    "TextClassifier": "language.classifier",
    "Training": "train.loop",
    "VAE": "neural.vae",
    "WordEmbedding": "embedding.word",
    "as_source": "data.source",
    "KMeans": "cluster.kmeans",
    "MiniBatchKMeans": "cluster.minibatch",
    "explore": "exploration",
    "explore_pictures": "findings.pictures",
    "load": "persist",
    "select": "mixture.selection",
    "scan": "data.files",
    "write_answers": "data.answers",
}
_NEEDS: dict[str, tuple[str, str]] = {  # public name -> (module that must be there, extra that brings it)
    name: ("torch", "deep")
    for name in (
        "Autoencoder",
        "BernoulliRBM",
        "BoltzmannMachine",
        "ConditionalGAN",
        "DBN",
        "DenoisingAutoencoder",
        "GAN",
        "Game",
        "GenerativeClassifier",
        "LanguageModel",
        "MaskedAutoencoder",
        "NetworkClassifier",
        "ProgressiveGAN",
        "RBM",
        "StackedAutoencoder",
        "TextClassifier",
        "Training",
        "VAE",
        "explore_pictures",
    )
}


def _present(name: str) -> bool:
    return name not in _NEEDS or find_spec(_NEEDS[name][0]) is not None


__all__ = sorted(name for name in _WHERE if _present(name))


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tacit' has no attribute {name!r}")
    if not _present(name):
        from .errors import MissingExtraError

        module, extra = _NEEDS[name]
        raise MissingExtraError(f"tacit.{name} needs {module}: pip install 'tacit[{extra}]'")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
