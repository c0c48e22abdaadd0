"""What is done to every sample before the model, in training and in every export alike.

uint8 data is scaled to 0…1 first, float32 data is taken as it is; the steps listed in the spec
follow. Steps that reckon are one multiplication and one addition by channel: ``affine`` folds
them, so that training and exports each do a single pass. Steps that change the shape (``Geometry``)
come before that pass; as they take means of neighbours at most, the order makes no difference,
but for those of colours, which the spec has to list before. A step that bends values (``Values``)
stands where the spec lists it: ``sections_of`` has the order.
"""

from trainyard.spec.preprocess.base import (
    PREPROCESS,
    ChannelAffine,
    Geometry,
    Preprocess,
    Statistics,
    Values,
)
from trainyard.spec.preprocess.colours import Colours, Grayscale, Rgb
from trainyard.spec.preprocess.equalisation import Clahe, Equalize
from trainyard.spec.preprocess.geometry import Resize
from trainyard.spec.preprocess.sections import Section, sections_of
from trainyard.spec.preprocess.series import Difference, LogReturn
from trainyard.spec.preprocess.steps import Normalize, affine
from trainyard.spec.preprocess.values import Clip, StandardizeWindow, Window

__all__ = [
    "PREPROCESS",
    "ChannelAffine",
    "Clahe",
    "Clip",
    "Colours",
    "Difference",
    "Equalize",
    "Geometry",
    "Grayscale",
    "LogReturn",
    "Normalize",
    "Preprocess",
    "Resize",
    "Rgb",
    "Section",
    "StandardizeWindow",
    "Statistics",
    "Values",
    "Window",
    "affine",
    "sections_of",
]
