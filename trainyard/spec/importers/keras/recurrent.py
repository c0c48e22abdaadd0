"""LSTM and GRU, in one direction or both, and multi-head attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainyard.spec.importers.keras.mappings import MANY_INPUTS, Step, maps
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

GATES = {"LSTM": 4, "GRU": 3}
MERGES = {"sum": "add", "ave": "average", "mul": "multiply"}


@dataclass(frozen=True)
class _Cell:
    kind: str
    units: int
    bias: bool
    sequences: bool
    dropout: float

    @property
    def width(self) -> int:
        return GATES[self.kind] * self.units

    def fields(self) -> dict[str, Any]:
        """The fields of ours; Keras's LSTM has one set of constants where torch's has two."""
        found: dict[str, Any] = {"hidden_size": self.units}
        if not self.bias:
            found["bias"] = False
        elif self.kind == "LSTM":
            found["recurrent_bias"] = False
        return found | ({"return_sequences": True} if self.sequences else {})


def _cell(options: Options) -> _Cell:
    options.choice("activation", "tanh")
    options.choice("recurrent_activation", "sigmoid")
    for option in ("recurrent_dropout", "go_backwards", "stateful", "return_state", "time_major"):
        options.none(option, f"`{option}` has no equal here")
    if options.class_name == "GRU" and not options.flag("reset_after", True):
        options.refuse("reset_after", "a reset before the product has no equal here", "true")
    return _Cell(
        options.class_name,
        options.integer("units"),
        options.flag("use_bias", True),
        options.flag("return_sequences", False),
        options.number("dropout", 0.0),
    )


def _sequence(writer: Writer, tensor: Tensor, dropout: float) -> Tensor:
    """The steps first; Keras's dropout of inputs has one mask for all steps of a feature."""
    if len(tensor.shape) != 2:
        raise writer.unfit("takes (steps, features)", "2 axes", list(tensor.keras_shape))
    if dropout:
        tensor = writer.add("dropout1d", writer.channels(tensor), suffix="_dropout", p=dropout)
    return writer.plain(tensor)


def _take(writer: Writer, written: Tensor, cell: _Cell, width: int, group: str, end: str) -> None:
    def gates(array: Any) -> Any:
        """Keras's GRU has the update gate first, torch's the reset gate."""
        if cell.kind == "LSTM":
            return array
        n = cell.units
        order = [*range(n, 2 * n), *range(n), *range(2 * n, 3 * n)]
        return array[..., order]

    def matrix(array: Any) -> Any:
        return gates(array).transpose(1, 0)

    writer.take(written, f"weight_ih_l0{end}", f"{group}/0", (width, cell.width), matrix)
    writer.take(written, f"weight_hh_l0{end}", f"{group}/1", (cell.units, cell.width), matrix)
    if not cell.bias:
        return
    if cell.kind == "LSTM":
        writer.take(written, f"bias_ih_l0{end}", f"{group}/2", (cell.width,))
        return
    for row, name in enumerate(("ih", "hh")):

        def constants(array: Any, row: int = row) -> Any:
            return gates(array[row])

        writer.take(written, f"bias_{name}_l0{end}", f"{group}/2", (2, cell.width), constants)


@maps("LSTM", "GRU")
def _recurrent(options: Options) -> Step:
    cell = _cell(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = _sequence(writer, inputs[0], cell.dropout)
        written = writer.add(cell.kind.lower(), tensor, **cell.fields())
        _take(writer, written, cell, tensor.shape[1], "cell/vars", "")
        return written

    return step


@maps("Bidirectional")
def _bidirectional(options: Options) -> Step:
    merge = options.choice("merge_mode", "concat", *MERGES)
    inner = options.config.get("layer")
    cell = _inner_cell(options, "layer", inner)
    other = options.config.get("backward_layer")
    if other is not None and cell is not None:
        backward = dict(other) if isinstance(other, dict) else {}
        config = backward.get("config")
        if isinstance(config, dict):
            backward["config"] = {**config, "go_backwards": False}
        if _inner_cell(options, "backward_layer", backward) != cell:
            options.refuse("backward_layer", "both directions must be alike here", "as layer")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        assert cell is not None
        tensor = _sequence(writer, inputs[0], cell.dropout)
        written = writer.add(cell.kind.lower(), tensor, bidirectional=True, **cell.fields())
        for group, end in (("forward_layer", ""), ("backward_layer", "_reverse")):
            _take(writer, written, cell, tensor.shape[1], f"{group}/cell/vars", end)
        return written if merge == "concat" else _merged(writer, written, MERGES[merge])

    return step


def _merged(writer: Writer, both: Tensor, type_name: str) -> Tensor:
    """The outputs of the two directions, which stand behind each other, made one."""
    shape = [*both.shape[:-1], 2, both.shape[-1] // 2]
    apart = writer.add("reshape", both, suffix="_apart", shape=shape)
    halves = [
        writer.add("select", apart, suffix=f"_{end}", dim=-2, index=index)
        for index, end in enumerate(("forward", "backward"))
    ]
    return writer.add(type_name, *halves, suffix="_merged")


def _inner_cell(options: Options, option: str, layer: Any) -> _Cell | None:
    class_name = layer.get("class_name") if isinstance(layer, dict) else None
    config = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(class_name, str) or class_name not in GATES or not isinstance(config, dict):
        options.refuse(option, "only LSTM and GRU can be read in both directions here")
        return None
    path = f"{options.path}/config/{option}"
    inner = Options(str(class_name), options.name, config, path, options.key, options.notes)
    cell = _cell(inner)
    options.is_broken |= inner.is_broken
    return cell


MANY_INPUTS.add("MultiHeadAttention")


@maps("MultiHeadAttention")
def _attention(options: Options) -> Step:
    heads, size = options.integer("num_heads"), options.integer("key_dim")
    dropout, bias = options.number("dropout", 0.0), options.flag("use_bias", True)
    for option in ("output_shape", "sliding_window", "use_gate"):
        options.none(option, f"`{option}` has no equal here")
    if options.config.get("value_dim") not in (None, size):
        options.refuse("value_dim", "keys and values must be of one length here", str(size))
    if options.config.get("attention_axes") not in (None, [1], 1):
        options.refuse("attention_axes", "attention goes over the steps here", "1")
    width = heads * size

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        if len(inputs) > 3 or inputs[2:] not in ([], inputs[1:2]):
            raise writer.unfit("keys and values must be of one tensor here")
        tensor = _sequence(writer, inputs[0], 0.0)
        others = [] if len(set(inputs)) == 1 else [_sequence(writer, inputs[1], 0.0)]
        if tensor.shape[1] != width:
            raise writer.unfit(
                "num_heads · key_dim must be the features of a step here",
                str(tensor.shape[1]), width,
            )  # fmt: skip
        fields: dict[str, Any] = {"num_heads": heads}
        fields |= {"dropout": dropout} if dropout else {}
        fields |= {} if bias else {"bias": False}
        fields |= {"causal": True} if writer.call.options.get("use_causal_mask") else {}
        written = writer.add("multi_head_attention", tensor, *others, **fields)
        _take_attention(writer, written, heads, size, bias=bias)
        return written

    return step


def _take_attention(writer: Writer, written: Tensor, heads: int, size: int, *, bias: bool) -> None:
    width = heads * size

    def matrix(array: Any) -> Any:
        return array.reshape(width, width).transpose(1, 0)

    for part, group in enumerate(("query_dense", "key_dense", "value_dense")):
        shape = (width, heads, size)
        writer.take(written, "in_proj_weight", f"{group}/vars/0", shape, matrix, part=(part, 3))
        if bias:
            writer.take(
                written, "in_proj_bias", f"{group}/vars/1", (heads, size),
                lambda array: array.reshape(width), part=(part, 3),
            )  # fmt: skip
    writer.take(written, "out_proj.weight", "output_dense/vars/0", (heads, size, width), matrix)
    if bias:
        writer.take(written, "out_proj.bias", "output_dense/vars/1", (width,))
