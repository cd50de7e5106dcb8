"""The EM loop and the protocol of the models that it fits."""

from .engine import Fit as Fit
from .engine import em as em
from .model import LatentModel as LatentModel
from .model import Statistics as Statistics
