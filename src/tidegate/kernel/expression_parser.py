"""Parser: words to a tree, by CEL's grammar and ranks.

    or < and < comparisons and `in` < sum < product < ! and - < field, index, call

Ours beyond CEL: named arguments of functions, `f(env="prod")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.kernel.errors import InputError
from tidegate.kernel.expression_fault import DEPTH_MAX, Spot, invalid, nearest
from tidegate.kernel.expression_token import Token
from tidegate.kernel.expression_tree import (
    Call,
    Choice,
    Compare,
    Field,
    Fold,
    Has,
    Index,
    Items,
    Literal,
    Logic,
    Loop,
    Negative,
    Node,
    Not,
    Pairs,
    Read,
    Span,
)
from tidegate.kernel.value import INTEGER_MAX, INTEGER_MIN, shown

MACROS: Final = {"all": 2, "exists": 2, "exists_one": 2, "filter": 2, "map": 3}
"""The loops there are, and how many arguments each takes at most."""

_RANKS: Final = {
    "||": 0, "&&": 1,
    "==": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "in": 2,
    "+": 3, "-": 3,
    "*": 4, "/": 4, "%": 4,
}  # fmt: skip
_LITERALS: Final = {"true": True, "false": False, "null": None}
_SPELT: Final = {
    "True": "true", "TRUE": "true", "False": "false", "FALSE": "false",
    "None": "null", "NULL": "null", "nil": "null",
}  # fmt: skip
_HABITS: Final = {
    "and": "for AND write &&",
    "AND": "for AND write &&",
    "or": "for OR write ||",
    "OR": "for OR write ||",
    "not": 'for NOT write !, such as !(x in ["a", "b"])',
    "NOT": "for NOT write !",
    "is": "to compare write ==",
    "=": "to compare write ==",
    "if": "write condition ? one : other",
    "then": "write condition ? one : other",
    "else": "write condition ? one : other",
    "between": "write x >= 1 && x <= 5",
    "like": 'write x.matches("^a.*")',
    "?": "put the inner condition ? one : other in parentheses",
    "{": "a map is written as a value of its own; a text needs quotes",
}


class Parser:
    """Reads one expression off its tokens; used once."""

    def __init__(self, source: str, tokens: Sequence[Token], names: frozenset[str] | None) -> None:
        self._source = source
        self._tokens = tokens
        self._names = names
        self._at = 0
        self._nested = 0
        self._bound: list[str] = []

    def parse(self) -> Node:
        """The whole source as one tree. Raises InputError (`expression.invalid`)."""
        if self._token.sort == "end":
            raise self._fault("the expression is empty", "write one such as data.record_count > 0")
        tree = self._expression()
        if self._at < len(self._tokens) - 1:
            raise self._unexpected()
        return tree

    # ---- from the loosest rank to the tightest
    def _expression(self) -> Node:
        start = self._token.start
        if self._nested >= DEPTH_MAX:
            what = f"the expression is nested deeper than {DEPTH_MAX} levels"
            raise self._fault(what, "write it flatter, or as several")
        self._nested += 1
        node = self._binary(0)
        if self._took("?"):
            yes = self._binary(0)
            self._take(":")
            no = self._expression()
            node = Choice(self._span(start, node, yes, no), node, yes, no)
        self._nested -= 1
        return node

    def _binary(self, lowest: int) -> Node:
        start = self._token.start
        left = self._unary()
        while (rank := self._rank()) >= lowest:
            left = self._joined(start, left, rank)
        return left

    def _joined(self, start: int, left: Node, rank: int) -> Node:
        terms: list[tuple[str, int, Node]] = []
        while self._rank() == rank:
            operator = self._next()
            terms.append((operator.text, operator.start, self._binary(rank + 1)))
            if rank == _RANKS["=="]:
                break
        operands = [operand for _, _, operand in terms]
        span = self._span(start, left, *operands)
        if rank < _RANKS["=="]:
            return Logic(span, terms[0][0], (left, *operands))
        if rank == _RANKS["=="]:
            return Compare(span, terms[0][0], terms[0][1], left, operands[0])
        return Fold(span, left, tuple(terms))

    def _rank(self) -> int:
        token = self._token
        return _RANKS.get(token.text, -1) if token.sort in ("sign", "name") else -1

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._sees("!") or self._sees("-"):
            signs.append(self._next())
        if signs and signs[-1].text == "-" and self._token.sort == "number":
            node = self._member(signs.pop())
        else:
            node = self._member(None)
        for sign in reversed(signs):
            span = self._span(sign.start, node)
            node = Not(span, node) if sign.text == "!" else Negative(span, node)
        return node

    def _member(self, minus: Token | None) -> Node:
        start = minus.start if minus else self._token.start
        node = self._primary(minus)
        while True:
            if self._took("."):
                node = self._field(start, node)
            elif self._took("["):
                index = self._expression()
                self._take("]")
                if (
                    isinstance(node, Read)
                    and isinstance(index, Literal)
                    and type(index.value) is str
                ):
                    node = Read(self._span(start), (*node.names, index.value))
                else:
                    node = Index(self._span(start, node, index), node, index)
            else:
                return node

    def _field(self, start: int, node: Node) -> Node:
        name = self._token
        if name.sort != "name":
            raise self._unexpected("a name after the dot")
        self._at += 1
        if self._took("("):
            if name.text in MACROS:
                return self._loop(start, node, name)
            return self._call(start, name, (node,), method=True)
        if isinstance(node, Read):
            return Read(self._span(start), (*node.names, name.text))
        return Field(self._span(start, node), node, name.text)

    def _primary(self, minus: Token | None) -> Node:
        if self._token.sort == "end":
            raise self._unexpected("a value")
        token = self._next()
        if token.sort == "number":
            return self._number(token, minus)
        if token.sort == "text":
            return Literal(self._span(token.start), token.value)
        if token.sort == "name" and token.text not in _RANKS:
            return self._name(token)
        if token.sort == "sign" and token.text == "(":
            node = self._expression()
            self._take(")")
            return node
        if token.sort == "sign" and token.text == "[":
            items = self._list("]")
            return Items(self._span(token.start, *items), items)
        if token.sort == "sign" and token.text == "{":
            return self._map(token)
        self._at -= 1
        raise self._unexpected("a value")

    # ---- single values
    def _number(self, token: Token, minus: Token | None) -> Node:
        value = -token.value if minus else token.value
        if type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX:
            raise invalid(
                Spot(self._source, token.start),
                f"{shown(value)} does not fit in 64 bits",
                "write it with a point or an exponent, such as 1e20",
            )
        return Literal(self._span((minus or token).start), value)

    def _name(self, token: Token) -> Node:
        word = token.text
        if word in _LITERALS:
            return Literal(self._span(token.start), _LITERALS[word])
        if self._took("("):
            if word == "has":
                return self._has(token)
            return self._call(token.start, token, (), method=False)
        known = self._names
        if word not in self._bound and (known is None or word not in known):
            if word in _SPELT:
                raise self._at_token(token, f"unknown name {word}", f"write {_SPELT[word]}")
            if word in _HABITS and self._token.sort in ("name", "number", "text"):
                raise self._at_token(token, f"unexpected {word}", _HABITS[word])
            if known is not None:
                fix = nearest(word, {*known, *self._bound})
                raise self._at_token(token, f"unknown name {word}", fix)
        return Read(self._span(token.start), (word,))

    def _map(self, brace: Token) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self._sees("}"):
            key = self._expression()
            self._take(":")
            pairs.append((key, self._expression()))
            if not self._took(","):
                break
        self._take("}")
        parts = [part for pair in pairs for part in pair]
        return Pairs(self._span(brace.start, *parts), tuple(pairs))

    def _list(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._sees(closing):
            items.append(self._expression())
            if not self._took(","):
                break
        self._take(closing)
        return tuple(items)

    # ---- calls
    def _has(self, name: Token) -> Node:
        of = self._expression()
        self._take(")")
        if not isinstance(of, Read | Field | Index):
            raise self._at_token(name, "has() asks for a field", "write has(data.record_count)")
        return Has(self._span(name.start, of), of)

    def _call(self, start: int, name: Token, own: tuple[Node, ...], *, method: bool) -> Node:
        arguments: list[Node] = list(own)
        named: list[tuple[str, int, Node]] = []
        while not self._sees(")"):
            word = self._token
            if word.sort == "name" and self._tokens[self._at + 1].text == "=":
                if any(word.text == other for other, _, _ in named):
                    raise self._fault(f"{word.text}= stands here twice", "leave out one")
                self._at += 2
                named.append((word.text, word.start, self._expression()))
            elif named:
                raise self._fault("a value without a name stands after one with", "put it first")
            else:
                arguments.append(self._expression())
            if not self._took(","):
                break
        self._take(")")
        span = self._span(start, *arguments, *(operand for _, _, operand in named))
        return Call(span, name.text, name.start, method, tuple(arguments), tuple(named))

    def _loop(self, start: int, over: Node, macro: Token) -> Node:
        name = self._token
        shape = f"write list.{macro.text}(x, ...) with a name of your own for x"
        if name.sort != "name" or name.text in _LITERALS or name.text in _RANKS:
            raise self._fault(f"{macro.text}() begins with a name for each element", shape)
        self._at += 1
        if not self._took(","):
            raise self._fault(f"{macro.text}() needs a name, a comma and an expression", shape)
        self._bound.append(name.text)
        parts = self._list(")")
        self._bound.pop()
        if not 0 < len(parts) < MACROS[macro.text]:
            raise self._at_token(macro, f"{macro.text}() has the wrong number of parts", shape)
        test = parts[0] if len(parts) == 2 else None
        span = self._span(start, over, *parts)
        return Loop(span, macro.text, macro.start, over, name.text, parts[-1], test)

    # ---- tokens
    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _sees(self, sign: str) -> bool:
        token = self._token
        return token.sort == "sign" and token.text == sign

    def _took(self, sign: str) -> bool:
        if not self._sees(sign):
            return False
        self._at += 1
        return True

    def _take(self, sign: str) -> None:
        if not self._took(sign):
            raise self._unexpected(sign)

    def _span(self, start: int, *parts: Node) -> Span:
        """The span of a node that ends before the next token. Refuses what is too deep."""
        size, depth = 1, 1
        for part in parts:
            size += part.span.size
            depth = max(depth, part.span.depth + 1)
        if depth > DEPTH_MAX:
            raise invalid(
                Spot(self._source, start),
                f"the expression is nested deeper than {DEPTH_MAX} levels",
                "write it flatter, or as several",
            )
        return Span(start, self._tokens[self._at - 1].end, size, depth)

    # ---- faults
    def _unexpected(self, wanted: str = "") -> InputError:
        token = self._token
        ended = token.sort == "end"
        found = "the end of the expression" if ended else token.text[:40]
        fix = "" if ended else _HABITS.get(token.text, "")
        if token.sort == "number" and token.text[0] == ".":
            fix = f"for an element of a list write [{token.text[1:]}]"
        if token.text == ">" and self._at and self._tokens[self._at - 1].text == "<":
            fix = "for unequal write !="
        if wanted:
            return self._fault(f"expected {wanted}, found {found}", fix)
        return self._fault(f"unexpected {found}", fix)

    def _fault(self, what: str, fix: str = "") -> InputError:
        return self._at_token(self._token, what, fix)

    def _at_token(self, token: Token, what: str, fix: str = "") -> InputError:
        return invalid(Spot(self._source, token.start), what, fix)
