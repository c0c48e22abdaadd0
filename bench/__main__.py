"""Every benchmark, one after the other: ``make bench``."""

from __future__ import annotations

import platform

import torch

from bench import checkpoints, engine, estimates, examples, service, streaming

if __name__ == "__main__":
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{platform.processor() or platform.machine()}, {device}, torch {torch.__version__}\n")
    engine.main()
    checkpoints.main()
    service.main()
    estimates.main()
    streaming.main()
    examples.main()
