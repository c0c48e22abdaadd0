"""The language against torch: values, shapes found beforehand, and what is refused."""

from __future__ import annotations

import math
import time

import pytest
import torch

from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.parser import parse
from trainyard.spec.language.running import on_numbers, on_tensors
from trainyard.spec.language.values import BATCH, Const, Scalar, Tensor

NAMES = {
    "x": Tensor((BATCH, 3, 8, 6)),
    "w": Tensor((4, 3, 3, 3)),
    "v": Tensor((3, 1, 1)),
    "k": Const(2),
    "C": Const(3),
    "H": Const(8),
    "W": Const(6),
    "N": Scalar(is_batch=True),
}
X = torch.randn(5, 3, 8, 6, generator=torch.Generator().manual_seed(0))
W = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))
V = torch.randn(3, 1, 1, generator=torch.Generator().manual_seed(2))
F = torch.nn.functional


def program_of(text: str) -> Program:
    return lower(parse(text), NAMES)


def refused(text: str) -> LanguageError:
    with pytest.raises(LanguageError) as caught:
        program_of(text)
    return caught.value


CASES = {
    "x + 2 * v - x / 3": X + 2 * V - X / 3,
    "-x ** 2": -(X**2),
    "2 ** -1 * x": X / 2,
    "2 ** 3 ** 2 * x": X * 512,
    "(x - 1) - (x - 2) - 3 * x": (X - 1) - (X - 2) - 3 * X,
    "exp(x) + log(abs(x) + 1) + sqrt(abs(x)) + sign(x)": X.exp() + (X.abs() + 1).log()
    + X.abs().sqrt() + X.sign(),
    "tanh(x) + sigmoid(x) + relu(x) + softplus(x)": X.tanh() + X.sigmoid() + X.relu()
    + F.softplus(X),
    "erf(x) + sin(x) + cos(x) + atan(x)": X.erf() + X.sin() + X.cos() + X.atan(),
    "expm1(x) + log1p(abs(x)) + floor(x) + ceil(x) + round(x)": X.expm1() + X.abs().log1p()
    + X.floor() + X.ceil() + X.round(),
    "clamp(x, -0.5, v)": torch.minimum(X.clamp(min=-0.5), V),
    "clamp(x, low=-0.5, high=0.5)": X.clamp(-0.5, 0.5),
    "maximum(x, v) + minimum(0.1, x)": torch.maximum(X, V) + X.clamp(max=0.1),
    "where(x > v, x, 0)": torch.where(X > V, X, 0.0),
    "(x > 0) * (x < 1) + (x == x) - (x != x) + (x >= 1) * (x <= 2)": ((X > 0) & (X < 1)).float()
    + 1 + ((X >= 1) & (X <= 2)).float(),
    "sum(x > 0)": (X > 0).sum().float(),
    "mean(x, dim=1) + sum(x, 1) * std(x, dim=(1,)) - var(x, dim=1, correction=0)": X.mean(1)
    + X.sum(1) * X.std(1) - X.var(1, correction=0),
    "x - mean(x, dim=[2, 3], keepdim=True)": X - X.mean((2, 3), keepdim=True),
    "max(x, dim=-1) - min(x, dim=-1)": X.amax(-1) - X.amin(-1),
    "max(x) + min(x) + std(x) + var(x)": X.max() + X.min() + X.std() + X.var(),
    "max(x, dim=(1, 2), keepdim=True)": X.amax((1, 2), keepdim=True),
    "softmax(x, dim=1) + log_softmax(x)": X.softmax(1) + X.log_softmax(-1),
    "logsumexp(x, 1)": X.logsumexp(1),
    "conv2d(x, w, stride=[1, 2], padding=1)": F.conv2d(X, W, stride=(1, 2), padding=1),
    "conv2d(x, reshape(v, [3, 1, 1, 1]), groups=C)": F.conv2d(
        X, V.reshape(3, 1, 1, 1), groups=3
    ),
    "avg_pool2d(x, k) + max_pool2d(x, k)": F.avg_pool2d(X, 2) + F.max_pool2d(X, 2),
    "avg_pool2d(x, 3, stride=1, padding=1)": F.avg_pool2d(X, 3, 1, 1),
    "avg_pool1d(reshape(x, [N, C, -1]), 5, stride=3, padding=2)": F.avg_pool1d(
        X.flatten(2), 5, 3, 2
    ),
    "avg_pool1d(reshape(x, [N, C, -1]), k) - max_pool1d(reshape(x, [N, C, -1]), [k])":
    F.avg_pool1d(X.flatten(2), 2) - F.max_pool1d(X.flatten(2), 2),
    "conv1d(reshape(x, [N, C, -1]), reshape(w, [4, 3, 9]), stride=2, padding=3, dilation=2)":
    F.conv1d(X.flatten(2), W.flatten(2), stride=2, padding=3, dilation=2),
    "conv1d(reshape(x, [N, C, -1]), reshape(w, [12, 1, 9]), groups=C)": F.conv1d(
        X.flatten(2), W.reshape(12, 1, 9), groups=3
    ),
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), stride=[2, 3], padding=1, output_padding=1)":
    F.conv_transpose2d(X, W.transpose(0, 1), stride=(2, 3), padding=1, output_padding=1),
    "conv_transpose2d(x, reshape(w, [3, 4, 3, 3]), groups=3, dilation=2)": F.conv_transpose2d(
        X, W.reshape(3, 4, 3, 3), groups=3, dilation=2
    ),
    "tan(x) + cumsum(x, 1) - cumsum(x > 0, dim=-1)": X.tan() + X.cumsum(1)
    - (X > 0).float().cumsum(-1),
    "prod(x, 1, True) + prod(x + 1, dim=[1, -1], keepdim=True) * prod(w)": X.prod(1, keepdim=True)
    + (X + 1).prod(-1, keepdim=True).prod(1, keepdim=True) * W.prod(),
    "prod(x, keepdim=True)": X.prod().reshape(1, 1, 1, 1),
    "x * [0, 1, -2, 0.5, 1e2, 6 / 2]": X * torch.tensor([0, 1, -2, 0.5, 100, 3]),
    "sum(x * reshape([0.5, 1, 2], [3, 1, 1]), dim=1) / sum([0.5, 1, 2])": (
        X * torch.tensor([0.5, 1, 2]).reshape(3, 1, 1)).sum(1) / 3.5,
    "where([1, 0, 1, 0, 1, 0] > 0, x, [1, 2, 3, 4, 5, 6]) ** [1, 2, 1, 2, 1, 2]": torch.where(
        torch.tensor([1, 0, 1, 0, 1, 0]) > 0, X, torch.arange(1.0, 7)
    ) ** torch.tensor([1, 2, 1, 2, 1, 2]),
    "unfold(x, [2, 3], padding=1, stride=2)": F.unfold(X, (2, 3), padding=1, stride=2),
    "matmul(x, permute(x, [0, 1, 3, 2]))": X @ X.transpose(2, 3),
    "flatten(x)": X.flatten(1),
    "pad(x, [1, 2, -1, 0], value=0.5)": F.pad(X, (1, 2, -1, 0), value=0.5),
    "roll(x, 1, 2) + flip(x, [2, 3])": X.roll(1, 2) + X.flip((2, 3)),
    "roll(x, [1, -1], [2, 3])": X.roll((1, -1), (2, 3)),
    "reshape(x, [N, C * H, W / 2, 2])": X.reshape(5, 24, 3, 2),
    "concat(x, v * x, zeros_like(x), dim=1)": torch.cat([X, V * X, torch.zeros_like(X)], 1),
    "x / N + pi * N": X / 5 + math.pi * 5,
    "minimum(x, 1e30 ** N)": X,
    "max(reshape(unfold(x, 2, stride=2), [N, C, 4, -1]), dim=2)": F.max_pool2d(X, 2).flatten(2),
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_an_expression_gives_what_torch_gives_in_the_shape_that_was_found(text: str) -> None:
    program = program_of(text)
    found = on_tensors(program)({"x": X, "w": W, "v": V, "N": len(X)})
    torch.testing.assert_close(found, CASES[text], atol=1e-5, rtol=1e-5)
    assert isinstance(program.value, Tensor)
    assert tuple(5 if axis == BATCH else axis for axis in program.value.shape) == found.shape


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 - abs(2 * p - 1)", 0.5),
        ("where(p < 0.5, exp(p), log(p))", math.exp(0.25)),
        ("minimum(p, 1) + maximum(p, 2) + clamp(p, 0.5, 1)", 2.75),
        ("cos(pi * p) ** 2 - floor(p) + ceil(p) - round(p)", 1.5),
        ("sigmoid(p) + softplus(p) + tanh(p) + relu(-p) + sign(p)", None),
        ("tan(p) * 4", 4 * math.tan(0.25)),
        ("log(p - p)", math.nan),
        ("log(p - p) + 1", math.nan),
        ("1 / (p - p)", math.nan),
        ("exp(exp(exp(exp(p * 4))))", math.inf),
        ("(-p) ** 0.5", math.nan),
        ("-(1e30 ** (p * 8))", -math.inf),
    ],
)
def test_numbers_are_reckoned_without_torch(text: str, value: float | None) -> None:
    found = on_numbers(lower(parse(text), {"p": Scalar()}))({"p": 0.25})
    if value is None:
        p = torch.tensor(0.25)
        value = float(p.sigmoid() + F.softplus(p) + p.tanh() + 1)
    assert found == pytest.approx(value, abs=1e-6, nan_ok=True)


def test_equal_parts_are_computed_once() -> None:
    assert len(program_of("sigmoid(x) * (1 - sigmoid(x)) + sigmoid(x)").steps) == 4


def test_constants_are_reckoned_beforehand() -> None:
    assert program_of("1 / (H * W / 2 - k)").value == Const(1 / 22)
    assert program_of("H / 2").value == Const(4)
    assert not program_of("2 ** 10 + sqrt(4)").steps


def test_a_list_has_no_place_where_shapes_are_not_known() -> None:
    for names, opaque in (({"p": Tensor(("P",))}, True), ({"p": Scalar()}, False)):
        with pytest.raises(LanguageError, match="list"):
            lower(parse("maximum(p, [2])"), names, opaque=opaque)
        with pytest.raises(LanguageError, match="list"):
            lower(parse("exp([2])"), names, opaque=opaque)


def test_a_list_follows_the_type_of_what_it_meets() -> None:
    run = on_tensors(program_of("x * [1, 2, 3, 4, 5, 0.1]"))
    assert run({"x": X.double()}).dtype == torch.float64
    assert run({"x": X.bfloat16()}).dtype == torch.bfloat16


def test_flops_are_those_of_convolutions_and_products() -> None:
    assert program_of("conv2d(relu(x), w, padding=1)").flops == 2 * 4 * 8 * 6 * 3 * 9
    assert program_of("matmul(x, permute(x, [0, 1, 3, 2]))").flops == 2 * 3 * 8 * 8 * 6
    transposed = "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), stride=2)"
    assert program_of(transposed).flops == 2 * 3 * 8 * 6 * 4 * 9


REFUSED = {
    "": ("a number, a name", 1),
    "x +": ("found the end", 4),
    "x y": ("an operator", 3),
    "x.__class__": ("no attributes", 2),
    "x[0]": ("an operator", 2),
    "__import__('os')": ("no texts", 12),
    "lambda: x": ("unexpected character", 7),
    "x; x": ("unexpected character", 2),
    "x if x else x": ("an operator", 3),
    "eval(x)": ("unknown function", 1),
    "y + x": ('unknown name "y"', 1),
    "relux(x)": ('did you mean "relu"', 1),
    "a < b < c": ("do not chain", 7),
    "mean(x, dm=1)": ('did you mean "dim"', 1),
    "mean(x, dim=1, dim=2)": ("twice", 1),
    "mean(x, 1, dim=1)": ("twice", 1),
    "mean(dim=1, x)": ("plain argument", 13),
    "mean()": ("needs x", 1),
    "mean(x, 1, 2, 3)": ("takes 3 arguments", 1),
    "mean(x, dim=x)": ("must be fixed", 1),
    "mean(x, dim=4)": ("axis 4", 1),
    "mean(x, dim=0.5)": ("whole number", 1),
    "mean(x, dim=[1, 1])": ("twice", 1),
    "mean(3)": ("takes a tensor", 1),
    "x + [1, 2]": ("(N, 3, 8, 6) and (2,) do not fit", 3),
    "x + [N, 1, 2, 3, 4, 5]": ("numbers alone", 3),
    "x + [1, x]": ("no number that is fixed", 5),
    "x + [1, [2, 3]]": ("no number that is fixed", 5),
    "x ** [1, 2, 3, 4, 5, 65]": ("the exponent", 3),
    "mean(x, dim=[0.5])": ("whole numbers", 1),
    "min(N / 100, 1)": ("it is minimum(a, b)", 1),
    "max(x, v)": ("it is maximum(a, b)", 1),
    "conv1d(x, w)": ("takes series", 1),
    "conv_transpose2d(x, w)": ("does not fit 3 channels", 1),
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), output_padding=1)": ("not below", 1),
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), padding=9)": ("no value", 1),
    "cumsum(x)": ("needs dim", 1),
    "cumsum(x, 4)": ("axis 4", 1),
    "prod(x, dim=[1, 1])": ("twice", 1),
    "x + w": ("do not fit", 3),
    "conv2d(x, v)": ("the weight", 1),
    "conv2d(x, w, groups=2)": ("does not fit", 1),
    "conv2d(x, w, dilation=9)": ("does not fit", 1),
    "avg_pool2d(x, 9)": ("does not fit", 1),
    "avg_pool2d(x, 0)": ("at least 1", 1),
    "max_pool2d(x, 2, padding=2)": ("half", 1),
    "matmul(x, x)": ("no product", 1),
    "reshape(x, [N, 7])": ("cannot become", 1),
    "reshape(x, [144, N])": ("stays the first", 1),
    "concat(x, v)": ("cannot be joined", 1),
    "concat(x, x, dim=0)": ("is the batch", 1),
    "permute(x, [0, 0, 1, 2])": ("no order", 1),
    "rand_like(x)": ("random", 1),
    "sqrt(-1)": ("no value", 1),
    "1 / 0": ("no value", 3),
    "log(0)": ("no value", 1),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_mistake_says_what_and_where(text: str) -> None:
    error = refused(text)
    words, column = REFUSED[text]
    assert words in error.text
    assert error.column == column


BOMBS = [
    "x ** (9 ** 9 ** 9)",
    "9 ** 9 ** 9 ** 9",
    "x ** 1e30",
    "2 ** 64 ** 2",
    "1e999",
    "9" * 1000,
    "1" + "0" * 29 + " * 1000",
    "(" * 1_000_000,
    "[" * 1999,
    "-" * 1999 + "x",
    "(" * 900 + "x" + ")" * 900,
    "+x" * 1_000,
    "x" + " + x" * 400,
    "x" + " ** x" * 100,
    "abs(" * 400 + "x" + ")" * 400,
    "pad(x, [2000000000, 0])",
    "pad(x, [100000, 100000, 100000, 100000])",
    "pad(x, [-8, -8])",
    "pad(x, [1, 1, 1, 1, 1, 1, 1, 1])",
    "pad(x, 10 ** 20)",
    "roll(x, 10 ** 12, 2)",
    "reshape(x, [N, 1000000000000])",
    "reshape(x, [N, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 144])",
    "reshape(v, [3, 1]) * reshape(v, [1, 3, 1]) * reshape(x, [N, 144, 1, 1, 1, 1, 1, 1, 1])",
    "unfold(x, 1000000)",
    "unfold(pad(x, [500, 500, 500, 500]), 500)",
    "conv2d(x, w, padding=1000000)",
    "conv2d(x, w, padding=10 ** 12)",
    "[" + "1, " * 999 + "1] * x",
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), stride=1000000)",
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), dilation=10 ** 12)",
    "sin(" * 25 + "pad(x, [2000, 2000, 2000, 2000])" + ")" * 25,
    "max_pool2d(pad(x, [4000, 4000, 4000, 4000]), 3999, stride=1)",
    "conv2d(pad(mean(x, dim=1, keepdim=True), [5000, 5000, 5000, 5000]), "
    "reshape(pad(mean(x, dim=[0, 1]), [2500, 2500, 2500, 2500]), [1, 1, 5008, 5006]))",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    refused(text)
    assert time.perf_counter() - start < 0.5
