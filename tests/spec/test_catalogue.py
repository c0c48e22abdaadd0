"""Every name that the language's page and its issue promise stands in the catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard.spec.augmentations import AUGMENTATIONS
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.layers import LAYERS
from trainyard.spec.losses import LOSSES
from trainyard.spec.metrics import METRICS
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.preprocess import PREPROCESS
from trainyard.spec.schedules import SCHEDULES
from trainyard.spec.training import TrainingSpec

PROMISED: dict[str, tuple[Any, str]] = {
    "convolutions": (LAYERS, """conv1d conv2d conv3d conv_transpose1d conv_transpose2d
        conv_transpose3d depthwise_conv1d depthwise_conv2d depthwise_conv3d separable_conv1d
        separable_conv2d separable_conv3d linear"""),
    "pooling": (LAYERS, """max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
        global_avg_pool1d global_avg_pool2d global_avg_pool3d global_max_pool1d global_max_pool2d
        global_max_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
        adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d
        lp_pool3d"""),
    "normalisation": (LAYERS, """batch_norm1d batch_norm2d batch_norm3d layer_norm group_norm
        instance_norm1d instance_norm2d instance_norm3d rms_norm"""),
    "activations": (LAYERS, """relu leaky_relu prelu elu selu celu gelu silu mish sigmoid tanh
        softplus softsign softmax log_softmax hardswish hardsigmoid hardtanh relu6 glu"""),
    "dropout": (LAYERS, """dropout dropout1d dropout2d dropout3d alpha_dropout
        stochastic_depth"""),
    "shapes": (LAYERS, """flatten reshape permute upsample pad1d pad2d pad3d center_crop"""),
    "merges": (LAYERS, "add multiply concatenate matmul"),
    "attention": (LAYERS, """multi_head_attention squeeze_excitation cbam embedding
        positional_encoding lstm gru"""),
    "backbones": (BACKBONES, """lenet5 vgg11 vgg16 resnet18 resnet34 resnet50 mobilenet_v2
        efficientnet_b0 convnext_tiny densenet121 unet tcn resnet18_small"""),
    "optimizers": (OPTIMIZERS, """sgd adam adamw nadam radam rmsprop adagrad adadelta lion lamb
        muon"""),
    "losses": (LOSSES, """cross_entropy binary_cross_entropy focal mse mae huber quantile dice
        tversky iou contrastive triplet"""),
    "metrics": (METRICS, "accuracy f1_macro auroc"),
    "schedules": (SCHEDULES, "constant one_cycle"),
    "augmentations": (AUGMENTATIONS, "random_flip random_crop color_jitter"),
    "preprocess": (PREPROCESS, "resize normalize grayscale rgb"),
    "initializers": (INITIALIZERS, "kaiming_normal kaiming_uniform xavier_normal orthogonal"),
}  # fmt: skip


@pytest.mark.parametrize("part", PROMISED)
def test_every_promised_name_is_there(part: str) -> None:
    family, names = PROMISED[part]
    assert set(names.split()) <= set(family.names())


def test_every_feature_of_training_is_a_field() -> None:
    features = """optimizer schedule loss clip_gradient_norm clip_gradient_value accumulate ema
        mixup cutmix preprocess augment metrics monitor early_stopping checkpoints init_from
        init_map freeze layer_lr_decay precision deterministic seed time_limit_seconds devices"""
    assert set(features.split()) <= TrainingSpec.model_fields.keys()
    sgd = OPTIMIZERS["sgd"].model_fields.keys()
    assert {"momentum", "nesterov", "weight_decay", "groups"} <= sgd
    assert {"label_smoothing", "class_weights"} <= LOSSES["cross_entropy"].model_fields.keys()
