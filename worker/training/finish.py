"""What follows the last epoch: the best weights are put back, tested, reported on and exported."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from worker.training import endings
from worker.training.data import Samples
from worker.training.evaluate import evaluate
from worker.training.goals import ending
from worker.training.protocol import Outcome, Split, Stop
from worker.training.reports import report_of
from worker.training.run import Run
from worker.training.teller import Teller

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


def finish(
    run: Run,
    graph: Graph,
    splits: dict[str, Split],
    held_out: dict[str, Samples],
    teller: Teller,
    stop: Stop,
) -> Outcome:
    """Tests the best weights, in float32 as an exported model computes, and exports them.

    The report is about ``test``, without one about ``val``, else about ``train``; where the loss
    on it is no finite number, the training has diverged. The checkpoint of the last step is with
    the reporter by then, so an interruption here needs no other.
    """
    position = run.position
    teller.writer.wait()
    if run.best_weights is not None:
        run.network.load_state_dict(run.best_weights)
    run.average = None  # it is what the best weights are
    run.dtype = torch.float32
    split = next((name for name in ("test", "val") if name in held_out), "train")
    report = report_of(run.goal, splits["train"], splits[split], run.device)
    totals = evaluate(run, held_out.get(split, run.samples), stop, report.add)
    if totals is None:
        return Outcome("interrupted", summary=dict(position.latest))
    if split == "test":
        teller.tell_metrics(totals.values("test", run.training.means("test")))
    if not totals.is_finite:  # the last step's update may be what no loss has told of
        return endings.diverged(run.training, f"the {split} loss after step {position.step}")
    onnx, exports = _onnx(run), _exports(run, teller)
    pace = teller.pace()
    return Outcome(
        "finished",
        summary=dict(position.latest),
        best=asdict(position.best) if position.best else None,
        report=report.as_json(split),
        speed=None if pace is None else {"flops": graph.flops, **pace},
        onnx=onnx,
        exports=exports,
    )


def _onnx(run: Run) -> bytes:
    # The exporter takes seconds to import: only now, when the training is done.
    from worker.exports.onnx import export

    return export(
        run.network,
        run.preprocess,
        run.raw_shape,
        run.goal,
        ending(run.goal, run.unscale),
        dtype=run.samples.dtype,
    )


def _exports(run: Run, teller: Teller) -> dict[str, bytes]:
    from worker.exports.plugins import export_all

    return export_all(
        run.network,
        run.preprocess,
        run.raw_shape,
        run.goal,
        ending(run.goal, run.unscale),
        dtype=run.samples.dtype,
        tell_failure=lambda message: teller.log(message, level="error"),
    )
