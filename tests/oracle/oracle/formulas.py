"""Works out what follows from metrics, of what was counted. Ratios are fractions, all else is Python's own."""

import ast
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Iterator, Optional

from catalogue import NOW, Catalogue, Dimension, Window, many, only, window
from count import Place
from kinds import FORMULAS
from kinds.kind import Kind

# What was counted, by place; what is not there is 0.
Counted = dict[Place, Decimal]


@dataclass(frozen=True)
class Term:
    """A metric in a formula, perhaps over a window of its own, or so many buckets earlier."""

    metric: str
    window: Optional[Window] = None
    offset: Optional[Window] = None


@dataclass(frozen=True)
class Formula:
    """What follows from its terms, by an expression of their names; a median has none."""

    name: str
    page: str
    expression: Optional[str]
    terms: dict[str, Term]
    # By term: the windows that its metric has.
    have: dict[str, list[Window]]
    windows: list[Window]
    by: list[Dimension]


def term(told: Any) -> Term:
    """A term as it is written: a name, or a mapping."""
    told = {"metric": told} if isinstance(told, str) else only(told, "metric", "window", "offset")
    return Term(told["metric"], *(window(told[key]) if key in told else None for key in ("window", "offset")))


def read(catalogue: Catalogue, kinds: list[Kind]) -> list[Formula]:
    """The formulas of a catalogue and of its kinds, each behind those that it names."""
    known: dict[str, list[Window]] = {}
    for kind in kinds:
        for each in kind.windows:
            for part in kind.parts(each):
                known.setdefault(kind.name + part, []).append(each)
    left = {name: (of["type"], of) for name, of in catalogue.metrics.items() if of["type"] in FORMULAS}
    left |= {kind.name + suffix: (kind.page, of) for kind in kinds for suffix, of in kind.formulas.items()}
    made = []
    while left:
        ready = (name for name, (_, told) in left.items() if not set(left) & {of.metric for of in terms(told).values()})
        name = next(ready)
        made.append(formula(name, *left.pop(name), known, catalogue))
        known[name] = made[-1].windows
    return made


def terms(told: dict) -> dict[str, Term]:
    """The terms by their names in the expression."""
    if told["type"] == "median":
        return {name: Term(name) for of in zip(told["waiting"], told["reached"]) for name in of}
    if told["type"] == "ratio":
        return {name: term(told[name]) for name in ("numerator", "denominator")}
    given = {name: term(of) for name, of in told.get("metrics", {}).items()}
    names = {node.id for node in ast.walk(ast.parse(told["expr"], mode="eval")) if isinstance(node, ast.Name)}
    return {name: given.get(name, Term(name)) for name in sorted(names)}


def formula(name: str, page: str, told: dict, known: dict[str, list[Window]], catalogue: Catalogue) -> Formula:
    """A formula as it is written. Its windows are those that all terms without one of their own have."""
    parts = ("numerator", "denominator", "expr", "metrics", "waiting", "reached")
    only(told, "type", "description", *parts, "windows", "by")
    of = terms(told)
    have = {each: known[part.metric] for each, part in of.items()}
    grains = {each.grain for part in of.values() for each in (part.window, part.offset) if each}
    free = [have[each] for each, part in of.items() if not part.window]
    own = sorted((part.window for part in of.values() if part.window), key=lambda each: each.length)
    candidates = [window(each) for each in many(told["windows"])] if "windows" in told else sum(free, []) or own[-1:]
    fits = [
        each for each in candidates
        if all(each in of or of == [NOW] and each.grain == "day" for of in free) and grains <= {each.grain}
    ]  # fmt: skip
    by = [catalogue.dimensions[each] for each in many(told.get("by", []))]
    expression = {"ratio": "numerator / denominator", "median": None}.get(told["type"], told.get("expr"))
    return Formula(name, page, expression, of, have, list(dict.fromkeys(fits)), by)


@dataclass
class Values:
    """What was counted and worked out."""

    counted: Counted
    # As-of buckets by grain, and the grains before whose first bucket nothing was.
    buckets: dict[str, list[str]]
    from_the_start: set[str]

    def of(self, each: Formula, by: str, label: str, over: Window) -> Iterator[tuple[str, Optional[float]]]:
        """What a formula comes to as of every bucket for which all that it looks at was counted; None if nothing."""
        buckets = self.buckets[over.grain]
        for at, as_of in enumerate(buckets):
            earlier = {name: at - (part.offset.length if part.offset else 0) for name, part in each.terms.items()}
            if min(earlier.values()) < 0 and over.grain not in self.from_the_start:
                continue
            given = {}
            for name, part in each.terms.items():
                own = NOW if each.have[name] == [NOW] else part.window or over
                before = earlier[name]
                place = part.metric, by, label, own.name, buckets[before] if before >= 0 else "before"
                given[name] = self.counted.get(place, Fraction(0))
            value = None if None in given.values() else worked_out(each, given)
            self.counted[each.name, by, label, over.name, as_of] = value
            yield as_of, value


def worked_out(of: Formula, given: dict[str, Any]) -> Optional[float]:
    """What a formula comes to; None where something is divided by 0, or more than half are left."""
    exact = {name: value if isinstance(value, float) else Fraction(value) for name, value in given.items()}
    try:
        if of.expression is None:
            return median(exact)
        is_ratio = set(exact) == {"numerator", "denominator"}
        operands = exact if is_ratio else {name: float(value) for name, value in exact.items()}
        return float(eval(of.expression, {"__builtins__": {}}, operands))
    except ZeroDivisionError:
        return None


def median(days: dict[str, Fraction]) -> Optional[float]:
    """The first day at whose end no more than half are left; days alternate between who waited and who came to it."""
    left, each = Fraction(1), iter(days.values())
    for day, (waiting, reached) in enumerate(zip(each, each)):
        left *= 1 - reached / waiting
        if left <= Fraction(1, 2):
            return float(day)
    return None
