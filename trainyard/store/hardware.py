"""What is known of the hardware that jobs will be trained on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.spec.facts import Hardware, Speed
from trainyard.store.tables import Job, Worker, now

_RECENT_JOBS = 50
_SECONDARY = ("evaluated_per_second", "checkpoint_seconds", "besides_seconds")
_SILENT_AFTER = timedelta(minutes=1)


def known_hardware(session: Session) -> Hardware:
    """The least memory of living workers' devices, and speeds of recent jobs on such devices.

    ``auto`` is bfloat16 where it is on each of them, else float32, which takes more.
    """
    alive = select(Worker).where(
        Worker.last_seen > now() - _SILENT_AFTER,
        Worker.status != "stopped",
        Worker.memory_bytes.is_not(None),
    )
    workers = session.scalars(alive).all()
    if not workers:
        return Hardware()
    devices = {worker.device for worker in workers}
    recent = select(Job.speed).where(Job.finished_at.is_not(None), Job.status == "succeeded")
    told = session.scalars(recent.order_by(Job.finished_at.desc()).limit(_RECENT_JOBS)).all()
    return Hardware(
        memory_bytes=min(worker.memory_bytes or 0 for worker in workers),
        auto_precision=(
            "bfloat16" if {w.auto_precision for w in workers} == {"bfloat16"} else "float32"
        ),
        speeds=tuple(
            Speed(
                int(speed["flops"]),
                float(speed["samples_per_second"]),
                *(float(speed.get(name, 0.0)) for name in _SECONDARY),
            )
            for speed in told
            if speed is not None and speed["device"] in devices
        ),
    )
