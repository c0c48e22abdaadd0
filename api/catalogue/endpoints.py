"""/v1/layers, /v1/optimizers …: the parts that a spec may name, made from the same classes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from api.auth import get_caller
from api.catalogue.schemas import Catalogue, CatalogueItem
from trainyard.spec.augmentations import AUGMENTATIONS
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.component import Family
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.layers import LAYERS
from trainyard.spec.losses import LOSSES
from trainyard.spec.metrics import METRICS
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.preprocess import PREPROCESS
from trainyard.spec.schedules import SCHEDULES

router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[Depends(get_caller)])


def _catalogue(family: Family[Any]) -> Catalogue:
    return Catalogue(items=[CatalogueItem(**item) for item in family.catalogue()])


@router.get("/layers")
def list_layers() -> Catalogue:
    """Every layer."""
    # Ready backbones are chosen by `type` as layers are.
    items = [*LAYERS.catalogue(), *BACKBONES.catalogue()]
    return Catalogue(items=[CatalogueItem(**item) for item in items])


@router.get("/optimizers")
def list_optimizers() -> Catalogue:
    """Every optimizer."""
    return _catalogue(OPTIMIZERS)


@router.get("/losses")
def list_losses() -> Catalogue:
    """Every loss."""
    return _catalogue(LOSSES)


@router.get("/schedules")
def list_schedules() -> Catalogue:
    """Every schedule of the learning rate."""
    return _catalogue(SCHEDULES)


@router.get("/augmentations")
def list_augmentations() -> Catalogue:
    """Every augmentation of training samples."""
    return _catalogue(AUGMENTATIONS)


@router.get("/preprocess")
def list_preprocess() -> Catalogue:
    """Every preprocessing step; it travels with the exported model."""
    return _catalogue(PREPROCESS)


@router.get("/metrics")
def list_metrics() -> Catalogue:
    """Every metric."""
    return _catalogue(METRICS)


@router.get("/initializers")
def list_initializers() -> Catalogue:
    """Every initialiser of weights."""
    return _catalogue(INITIALIZERS)
