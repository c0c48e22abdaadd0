"""What LSTM and GRU keep of the forward pass: as torch runs them on a CPU, the greater case.

torch hands an LSTM to oneDNN, which keeps a workspace of gates and states (``set_offsets`` in its
``src/cpu/rnn/rnn_utils.cpp``); a GRU is a loop over the steps. GPUs keep less of both.
"""

from __future__ import annotations

from trainyard.spec.graph import Node
from trainyard.spec.language.limits import FLOAT_BYTES, HALF_BYTES

RECURRENT = {"lstm", "gru"}
_LINE_BYTES = 64  # rows of oneDNN's states fill whole lines of the cache


def recurrent_bytes(node: Node, *, half: bool) -> int:
    """Bytes of a sample that the node keeps of its own: in every layer, direction and step."""
    layer, (steps, inputs) = node.layer, node.input_shapes[0]
    directions = 1 + layer.bidirectional  # type: ignore[attr-defined]
    hidden: int = layer.hidden_size  # type: ignore[attr-defined]
    units = directions * hidden
    of_one = _of_lstm if node.type == "lstm" else _of_gru
    total = directions * of_one(steps, inputs, hidden, half=half)
    if node.type == "gru" or half:  # each direction has its own copy of the input
        total += directions * steps * inputs * _width(half=half)
    else:
        total += steps * inputs * FLOAT_BYTES
    between = directions * of_one(steps, units, hidden, half=half)
    between += _between(node, steps * units, directions, half=half)
    return int(total + (layer.num_layers - 1) * between)  # type: ignore[attr-defined]


def weight_copy_bytes(node: Node, *, behind: bool) -> int:
    """Bytes of the weights in 16 bits. A GRU behind nothing that learns never needs those of its
    input again; its constants are in no product."""
    layer = node.layer
    hidden: int = layer.hidden_size  # type: ignore[attr-defined]
    directions = 1 + layer.bidirectional  # type: ignore[attr-defined]
    unneeded = 0
    if node.type == "gru" and not behind:
        unneeded = layer.gates * hidden * node.input_shapes[0][1] * directions  # type: ignore[attr-defined]
    return HALF_BYTES * (node.num_params - unneeded)


def running_bytes(node: Node, input_width: int, *, half: bool) -> int:
    """Bytes of a sample while the node itself runs: its input beside the copies that it keeps (in
    16 bits an LSTM has one more, before the steps come first), and for a GRU the input's part in
    the gates of every step, and its states joined by steps and directions.

    ``input_width`` is 0 for the network's own input, which is there in any case.
    """
    layer, (steps, inputs) = node.layer, node.input_shapes[0]
    given = steps * inputs * input_width
    if node.type == "lstm":
        return given + steps * inputs * HALF_BYTES if half else 0
    hidden: int = layer.hidden_size  # type: ignore[attr-defined]
    states = 4 if layer.bidirectional else 1  # type: ignore[attr-defined]
    if half:  # what is kept is a copy of them
        states += 1 + layer.bidirectional  # type: ignore[attr-defined]
    return given + steps * hidden * (3 * _width(half=half) + states * FLOAT_BYTES)


def _of_lstm(steps: int, inputs: int, hidden: int, *, half: bool) -> int:
    """One direction of one layer: outputs, first and last states, and the workspace, which has
    gates, outputs, and for every step and the one before it states and their gradients."""
    width = _width(half=half)
    gates = steps * (4 * hidden + _filled(hidden, width)) * width
    widest = max(inputs, hidden)
    each = 2 * width * _filled(widest, width) + 4 * FLOAT_BYTES * _filled(widest, FLOAT_BYTES)
    each += 2 * hidden * (width + FLOAT_BYTES)
    return gates + (steps + 1) * each + (steps + 4) * hidden * width


def _of_gru(steps: int, _inputs: int, hidden: int, *, half: bool) -> int:
    """One direction of one layer: three gates with their input, the state before and after; the
    states stay in 32 bits."""
    return steps * hidden * (6 * _width(half=half) + FLOAT_BYTES)


def _between(node: Node, values: int, directions: int, *, half: bool) -> int:
    """What lies between two layers: joined outputs, copies for each direction, dropped values."""
    width = _width(half=half)
    if node.type == "gru":
        mask = values * FLOAT_BYTES * bool(node.layer.dropout)  # type: ignore[attr-defined]
        return mask + values * width * (directions if half else 1)
    joined = values * width * (directions == 2)
    dropped = values * width * bool(node.layer.dropout)  # type: ignore[attr-defined]
    return joined + dropped * (1 if directions == 2 else 2)


def _filled(values: int, width: int) -> int:
    """The length of a row of oneDNN's: no multiple of 256, which would crowd the cache."""
    line = _LINE_BYTES // width
    length = -(-values // line) * line
    return length + line if length % 256 == 0 else length


def _width(*, half: bool) -> int:
    return HALF_BYTES if half else FLOAT_BYTES
