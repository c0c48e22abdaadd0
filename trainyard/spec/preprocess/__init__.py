"""What is done to every sample before the model, in training and in every export alike.

uint8 data is scaled to 0…1 first, float32 data is taken as it is; the steps listed in the spec
follow. Steps that reckon are one multiplication and one addition by channel: ``affine`` folds
them, so that training and exports each do a single pass. Steps that change the shape (``Geometry``)
come before that pass; as they take means of neighbours at most, the order makes no difference,
but for those of colours, which the spec has to list before.
"""

from trainyard.spec.preprocess.base import (
    PREPROCESS,
    ChannelAffine,
    Geometry,
    Preprocess,
    Statistics,
)
from trainyard.spec.preprocess.colours import Colours, Grayscale, Rgb
from trainyard.spec.preprocess.steps import Normalize, Resize, affine

__all__ = [
    "PREPROCESS",
    "ChannelAffine",
    "Colours",
    "Geometry",
    "Grayscale",
    "Normalize",
    "Preprocess",
    "Resize",
    "Rgb",
    "Statistics",
    "affine",
]
