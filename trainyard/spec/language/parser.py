"""From text to the tree, by precedence climbing (Pratt 1973).

From weakest to strongest: comparisons, which do not chain; ``+ -``; ``* /``; the sign; ``**``,
which binds to the right. That is Python's order.
"""

from __future__ import annotations

from trainyard.spec.language.limits import MAX_DEPTH, MAX_NODES
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.tokens import Token, number, tokens
from trainyard.spec.language.tree import Call, Items, Name, Node, Number
from trainyard.spec.suggest import shown

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_STRENGTH = dict.fromkeys(COMPARISONS, 10) | {"+": 20, "-": 20, "*": 30, "/": 30, "**": 50}
_SIGN_STRENGTH = 40
NEGATE = "neg-"  # the sign, as a function that no name can spell
# A chain such as a + b + c is a tree as deep as it is long, and reading it costs a call a level.
MAX_CHAIN = 100


def parse(text: str) -> Node:
    """The tree of one expression.

    Raises:
        LanguageError: with the column at which the text stops making sense.
    """
    parser = _Parser(text)
    node = parser.expression(0, 0)
    if parser.next.kind != "end":
        raise parser.unexpected("an operator or the end")
    return node


def parse_assignment(text: str) -> tuple[str, int, Node]:
    """The name, its column and the tree of ``name = expression``."""
    parser = _Parser(text)
    target = parser.next
    if target.kind != "name":
        raise parser.unexpected("a name, = and an expression")
    parser.advance()
    parser.take("=")
    node = parser.expression(0, 0)
    if parser.next.kind != "end":
        raise parser.unexpected("an operator or the end")
    return target.text, target.column, node


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._position = 0
        self._num_nodes = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._position]

    def advance(self) -> Token:
        token = self.next
        self._position += 1
        return token

    def take(self, sign: str) -> Token:
        if self.next.text != sign or self.next.kind != "sign":
            raise self.unexpected(f'"{sign}"')
        return self.advance()

    def unexpected(self, expected: str) -> LanguageError:
        token = self.next
        what = "the end of the expression" if token.kind == "end" else shown(token.text)
        return LanguageError(
            f"expected {expected}, found {what}", expected, what, column=token.column
        )

    def _counted(self, column: int) -> None:
        self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise LanguageError(
                "the expression has too many parts", f"at most {MAX_NODES}", column=column
            )

    def expression(self, strength: int, depth: int) -> Node:
        """An expression whose operators all bind more strongly than ``strength``."""
        if depth > MAX_DEPTH:
            raise LanguageError(
                "the expression is nested too deeply",
                f"at most {MAX_DEPTH} levels",
                column=self.next.column,
            )
        left = self._operand(depth)
        chain = 0
        while self.next.kind == "sign" and _STRENGTH.get(self.next.text, 0) > strength:
            sign = self.advance()
            self._counted(sign.column)
            chain += 1
            if chain > MAX_CHAIN:
                message = "too many operators follow each other"
                raise LanguageError(message, f"at most {MAX_CHAIN}", column=sign.column)
            binding = _STRENGTH[sign.text]
            # To the right: 2 ** 3 ** 2 is 2 ** 9, and a sign may follow **.
            right = self.expression(binding - (sign.text == "**"), depth + 1)
            left = Call(sign.text, (left, right), (), sign.column)
            if sign.text in COMPARISONS and self.next.text in COMPARISONS:
                raise LanguageError(
                    "comparisons do not chain: multiply two of them",
                    "one comparison",
                    column=self.next.column,
                )
        return left

    def _operand(self, depth: int) -> Node:
        token = self.next
        self._counted(token.column)
        if token.kind == "number":
            return Number(number(self.advance()), token.column)
        if token.kind == "name":
            self.advance()
            if self.next.text == "(":
                return self._call(token, depth)
            return Name(token.text, token.column)
        if token.text == "-":
            self.advance()
            return Call(NEGATE, (self.expression(_SIGN_STRENGTH, depth + 1),), (), token.column)
        if token.text == "+":
            self.advance()
            return self.expression(_SIGN_STRENGTH, depth + 1)
        if token.text in ("(", "["):
            return self._group(depth)
        raise self.unexpected("a number, a name or an opening parenthesis")

    def _group(self, depth: int) -> Node:
        """A parenthesis, or a list where there is a comma or a bracket."""
        opening = self.advance()
        closing = ")" if opening.text == "(" else "]"
        items = [self.expression(0, depth + 1)]
        is_list = closing == "]"
        while self.next.text == ",":
            is_list = True
            self.advance()
            if self.next.text == closing:
                break
            items.append(self.expression(0, depth + 1))
        self.take(closing)
        return Items(tuple(items), opening.column) if is_list else items[0]

    def _call(self, name: Token, depth: int) -> Node:
        self.take("(")
        arguments: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        while self.next.text != ")":
            keyword = self._keyword()
            value = self.expression(0, depth + 1)
            if keyword is not None:
                keywords.append((keyword, value))
            elif keywords:
                raise LanguageError(
                    "a plain argument follows a named one", "name=value", column=value.column
                )
            else:
                arguments.append(value)
            if self.next.text != ",":
                break
            self.advance()
        self.take(")")
        return Call(name.text, tuple(arguments), tuple(keywords), name.column)

    def _keyword(self) -> str | None:
        """The name before an ``=``, if there is one here."""
        following = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        if self.next.kind != "name" or following.text != "=":
            return None
        name = self.advance().text
        self.advance()
        return name
