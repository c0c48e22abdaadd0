"""What is alive while autograd goes back through a program, beside what is counted elsewhere.

The steps are gone through from the last to the first: gradients wait until their register's own
step has used them up, what was kept goes with the first step that kept it, and a step's formula
makes values on the way. For an estimate of memory; see ``keeping.py``.
"""

from __future__ import annotations

from trainyard.spec.language.keeping import Registers, name_of
from trainyard.spec.language.lowering import Program, Step
from trainyard.spec.language.parser import NEGATE
from trainyard.spec.language.running import last_uses

# Values that the formula of a gradient makes on the way, for each of the output's: those of
# x^n are n·x^(n-1), those of erf 2/√π·exp(-x²) …
_ON_THE_WAY = {
    "**": 2.0, "/": 3.0, "erf": 4.0, "sqrt": 1.0, "abs": 1.0, "sin": 1.0, "cos": 1.0, "log1p": 1.0,
    "expm1": 1.0, "atan": 2.0, "clamp": 0.75, "maximum": 1.25, "minimum": 1.25, "relu": 0.0,
}  # fmt: skip
_OF_EXPONENT = 1.25  # more of them where the exponent is learnt too
_OF_INPUT = {"var": 1.0, "std": 1.0, "max": 1.25, "min": 1.25}  # the same for each of the input's
_PASS_ON = {"+", "reshape", "flatten", "permute", "sum"}  # the gradient itself, or a view of it


def passing_bytes(found: Registers) -> int:
    """The most that is alive in the backward pass, less what is kept beside x and the result, the
    gradient of the result and that of x."""
    program = found.program
    x, result = program.inputs.get("x", -1), program.result
    first: dict[int, int] = {}
    for place, (registers, _) in enumerate(found.keeps):
        for register in registers - {x, result}:
            first.setdefault(register, place)
    whole = sum(found.bytes_of(r) for r in first) + sum(own for _, own in found.keeps)
    waiting = _Waiting(found)
    kept = most = whole
    for place in range(len(program.steps) - 1, -1, -1):
        step = program.steps[place]
        if step.output in waiting.memory:
            most = max(most, kept + waiting.after(step))
        kept -= sum(found.bytes_of(r) for r, at in first.items() if at == place)
        kept -= found.keeps[place][1]
    of_x = found.bytes_of(x) if x in found.learning else 0
    return max(0, most - whole - found.bytes_of(result) - of_x)


class _Waiting:
    """Gradients that are not used up: the memory of each register's, which some share."""

    def __init__(self, found: Registers) -> None:
        self.found = found
        self.memory: dict[int, int] = {found.program.result: 0}
        self.sizes = [found.bytes_of(found.program.result)]

    def after(self, step: Step) -> int:
        """Goes back through a step; the bytes of all gradients and values at its worst."""
        found, name = self.found, name_of(step)
        most = 0
        learning = [r for r in step.inputs if r in found.learning]
        for number, register in enumerate(step.inputs):
            if register not in found.learning:
                continue
            way = self._on_the_way(step, number)
            if name in _PASS_ON and found.bytes_of(register) >= found.bytes_of(step.output) > 0:
                new = self.memory[step.output]
            else:
                new = self._add(found.bytes_of(register))
            most = max(most, self._alive({new}) + way)
            if register not in self.memory:
                self.memory[register] = new
            elif self._is_shared(self.memory[register]):
                self.memory[register] = self._add(found.bytes_of(register))
                most = max(most, self._alive({new}))
        if step.output not in learning:
            del self.memory[step.output]
        return most

    def _on_the_way(self, step: Step, number: int) -> int:
        found, name = self.found, name_of(step)
        register, output = step.inputs[number], step.output
        values = _ON_THE_WAY.get(name, 0.0)
        if name == "/" and number == 0:
            values = 0.0
        if name == "**" and step.inputs[1] in found.learning:
            values += _OF_EXPONENT
        own = _OF_INPUT.get(name, 0.0) * found.bytes_of(register)
        whole = found.bytes_of(output)
        # Of a gradient that is summed to fewer values, or cast to fewer bits.
        is_cut = name not in _PASS_ON | {NEGATE} and found.bytes_of(register) < whole
        return int(values * whole + own) + (whole if is_cut and _is_by_value(step) else 0)

    def _add(self, size: int) -> int:
        self.sizes.append(size)
        return len(self.sizes) - 1

    def _is_shared(self, memory: int) -> bool:
        return list(self.memory.values()).count(memory) > 1

    def _alive(self, more: set[int]) -> int:
        return sum(self.sizes[memory] for memory in set(self.memory.values()) | more)


def _is_by_value(step: Step) -> bool:
    return len(step.inputs) > 1 and name_of(step) not in ("conv2d", "matmul", "concat")


def running_peak(found: Registers) -> int:
    """The most that is alive of a program's own values while it runs without gradients."""
    program: Program = found.program
    alive = most = 0
    made: set[int] = set()
    for step, dead in zip(program.steps, last_uses(program), strict=True):
        made.add(step.output)
        alive += found.bytes_of(step.output)
        most = max(most, alive)
        alive -= sum(found.bytes_of(register) for register in made & set(dead))
    return most
