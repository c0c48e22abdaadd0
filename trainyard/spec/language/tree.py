"""The tree of an expression. Operators are calls of functions that no name can spell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    value: int | float
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list such as ``[1, 2]`` or ``(1, 2)``, for sizes and axes."""

    items: tuple[Node, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]
    column: int


Node = Number | Name | Items | Call


def bottom_up(root: Node) -> list[Node]:
    """Every node, parts before what holds them, from left to right. Needs no deep calls."""
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        order.append(node)
        if isinstance(node, Items):
            stack.extend(node.items)
        elif isinstance(node, Call):
            stack.extend(node.arguments)
            stack.extend(value for _, value in node.keywords)
    return order[::-1]


def names_in(root: Node) -> set[str]:
    """Every name that the tree reads; functions' names are none."""
    return {node.name for node in bottom_up(root) if isinstance(node, Name)}
