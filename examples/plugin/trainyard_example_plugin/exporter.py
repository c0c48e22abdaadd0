"""An exporter: the trained network as a program of ``torch.export``, which plain PyTorch loads."""

from __future__ import annotations

import io

from trainyard.exporters import Exporter, TrainedModel


class Pt2(Exporter):
    """Raw samples (N, C, H, W) float32 in, logits (N, K) out: ``torch.export.load(…).module()``."""

    name = "pt2"
    media_type = "application/zip"
    suffix = ".pt2"

    def export(self, model: TrainedModel) -> bytes:
        import torch
        from torch import nn

        whole = nn.Sequential(model.preprocessing, model.network).eval()
        example = torch.zeros(2, *model.input_shape)
        batch = torch.export.Dim("batch")
        program = torch.export.export(whole, (example,), dynamic_shapes=({0: batch},))
        file = io.BytesIO()
        torch.export.save(program, file)
        return file.getvalue()
