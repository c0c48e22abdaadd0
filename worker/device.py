"""Name and memory of the device that this worker trains on, found without touching CUDA here."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil

from trainyard.spec.facts import AutoPrecision

# As /proc/cpuinfo names what torch.cpu.get_capabilities tells of, on x86 and on ARM.
_CPU_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}


def device_name(wanted: str) -> str:
    """The GPU's name by ``nvidia-smi``, else the processor's; ``wanted`` as in the settings."""
    if wanted != "cpu" and (name := _gpu_name(wanted)):
        return name
    return f"{processor_name()} ({len(os.sched_getaffinity(0))} cores)"


def device_memory_bytes(wanted: str) -> int:
    """Memory of that device: the GPU's own, else this machine's."""
    if wanted != "cpu" and (mebibytes := _of_gpu("memory.total", wanted)):
        return int(mebibytes.split()[0]) * 1024**2
    return int(psutil.virtual_memory().total)


def auto_precision(wanted: str) -> AutoPrecision:
    """What ``precision: auto`` becomes on that device: bfloat16 where it has that in hardware.

    As ``worker.training.device.choose_precision`` decides with torch's help: compute capability 8
    of a GPU, or an instruction set of the processor.
    """
    if wanted != "cpu" and (capability := _of_gpu("compute_cap", wanted)):
        return "bfloat16" if int(capability.partition(".")[0]) >= 8 else "float32"
    return "bfloat16" if _CPU_BFLOAT16 & _processor_flags() else "float32"


def _gpu_name(wanted: str) -> str | None:
    return _of_gpu("name", wanted)


def _of_gpu(what: str, wanted: str) -> str | None:
    """One property by ``nvidia-smi``, such as ``80994 MiB``; None where there is no GPU."""
    program = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible == "":
        return None
    index = int(wanted.partition(":")[2] or 0)
    chosen = visible.split(",")[index] if visible else str(index)
    command = [program, f"--query-gpu={what}", "--format=csv,noheader", f"--id={chosen}"]
    try:
        answer = subprocess.run(  # noqa: S603  the program of the PATH, no shell
            command, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def processor_name() -> str:
    """The processor's model by the kernel, else the machine's kind."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _processor_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()
