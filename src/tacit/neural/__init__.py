"""Networks that learn codes: estimators over the gradient loop."""

from .autoencoder import Autoencoder as Autoencoder
from .autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
from .classifier import NetworkClassifier as NetworkClassifier
from .masked import MaskedAutoencoder as MaskedAutoencoder
from .stacked import StackedAutoencoder as StackedAutoencoder
from .vae import VAE as VAE
