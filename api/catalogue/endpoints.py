"""/v1/layers, /v1/optimizers …: the parts that a spec may name, made from the same classes."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth import CallerDep
from api.catalogue.schemas import Catalogue

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/layers")
def list_layers(caller: CallerDep) -> Catalogue:
    """Every layer."""
    raise NotImplementedError


@router.get("/optimizers")
def list_optimizers(caller: CallerDep) -> Catalogue:
    """Every optimizer."""
    raise NotImplementedError


@router.get("/losses")
def list_losses(caller: CallerDep) -> Catalogue:
    """Every loss."""
    raise NotImplementedError


@router.get("/schedules")
def list_schedules(caller: CallerDep) -> Catalogue:
    """Every schedule of the learning rate."""
    raise NotImplementedError


@router.get("/augmentations")
def list_augmentations(caller: CallerDep) -> Catalogue:
    """Every augmentation of training samples."""
    raise NotImplementedError


@router.get("/preprocess")
def list_preprocess(caller: CallerDep) -> Catalogue:
    """Every preprocessing step; it travels with the exported model."""
    raise NotImplementedError


@router.get("/metrics")
def list_metrics(caller: CallerDep) -> Catalogue:
    """Every metric."""
    raise NotImplementedError
