"""The gradient loop: a model brings a step, the loop brings order, epochs, checkpoints and the end.

It knows of no model. A step may hold one optimiser or several, chains or averages; a model that learns in stages calls
``train`` once for each.
"""

from .callbacks import Report as Report
from .loop import Batches as Batches
from .loop import Run as Run
from .loop import Step as Step
from .loop import Training as Training
from .loop import train as train
from .rows import Batch as Batch
from .rows import Blocks as Blocks
from .rows import Tensors as Tensors
from .steps import GradientStep as GradientStep
