"""Works out what follows from metrics, of what was counted. Ratios of metrics are fractions, all else is Python's own."""

import ast
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Iterator, Optional

from catalogue import Catalogue, Dimension, Window, many, only, window
from count import Place
from sql import labels

# What was counted, by place; what is not there is 0.
Counted = dict[Place, Decimal]


@dataclass(frozen=True)
class Term:
    """A metric in a formula, perhaps over a window of its own, or so many buckets earlier."""

    metric: str
    window: Optional[Window]
    offset: Optional[Window]


@dataclass(frozen=True)
class Formula:
    """What follows from its terms, by an expression of their names."""

    name: str
    expression: str
    terms: dict[str, Term]
    windows: list[Window]
    by: list[Dimension]


def term(told: Any) -> Term:
    """A term as it is written: a name, or a mapping."""
    told = {"metric": told} if isinstance(told, str) else only(told, "metric", "window", "offset")
    return Term(told["metric"], *(window(told[key]) if key in told else None for key in ("window", "offset")))


def read(catalogue: Catalogue) -> list[Formula]:
    """The formulas of a catalogue, each behind those that it names."""
    known = {metric.name: metric for metric in catalogue.metrics}
    left, made = dict(catalogue.formulas), []
    while left:
        name, told = next((name, told) for name, told in left.items() if not set(left) & named(told))
        made.append(formula(name, told, known, catalogue))
        known[name] = made[-1]
        del left[name]
    return made


def named(told: dict) -> set[str]:
    """The metrics that a formula names."""
    return {of.metric for of in terms(told).values()}


def terms(told: dict) -> dict[str, Term]:
    """The terms by their names in the expression."""
    if told["type"] == "ratio":
        return {name: term(told[name]) for name in ("numerator", "denominator")}
    given = {name: term(of) for name, of in told.get("metrics", {}).items()}
    names = {node.id for node in ast.walk(ast.parse(told["expr"], mode="eval")) if isinstance(node, ast.Name)}
    return {name: given.get(name, Term(name, None, None)) for name in sorted(names)}


def formula(name: str, told: dict, known: dict, catalogue: Catalogue) -> Formula:
    """A formula as it is written. Its windows are those that all terms without one of their own have."""
    only(told, "type", "description", "numerator", "denominator", "expr", "metrics", "windows", "by")
    of = terms(told)
    grains = {each.grain for part in of.values() for each in (part.window, part.offset) if each}
    shared = [each for part in of.values() if not part.window for each in known[part.metric].windows]
    own = sorted((part.window for part in of.values() if part.window), key=lambda each: each.length)
    candidates = [window(each) for each in many(told["windows"])] if "windows" in told else shared or own[-1:]
    have = [known[part.metric].windows for part in of.values() if not part.window]
    fits = [each for each in candidates if all(each in of for of in have) and grains <= {each.grain}]
    by = [each for of in catalogue.metrics for each in of.by if each.name in many(told.get("by", []))]
    expression = told.get("expr", "numerator / denominator")
    return Formula(name, expression, of, list(dict.fromkeys(fits)), list({each.name: each for each in by}.values()))


def worked_out(
    formulas: list[Formula], counted: Counted, buckets: dict[str, list[str]]
) -> Iterator[tuple[Place, Optional[float]]]:
    """What each formula comes to as of every bucket for which all that it looks at was counted; None if nothing."""
    values: dict[Place, Any] = dict(counted)
    for each in formulas:
        for by, label in [("", "")] + [(by.name, label) for by in each.by for label in labels(by)]:
            for of in each.windows:
                for at, as_of in enumerate(buckets[of.grain]):
                    places = {}
                    for name, part in each.terms.items():
                        before = at - (part.offset.length if part.offset else 0)
                        # Nothing was counted before the first day; of earlier hours nobody has asked.
                        bucket = buckets[of.grain][before] if before >= 0 else None if of.grain == "hour" else "before"
                        places[name] = (part.metric, by, label, (part.window or of).name, bucket)
                    if any(place[-1] is None for place in places.values()):
                        continue
                    given = {name: values.get(place, Fraction(0)) for name, place in places.items()}
                    place = each.name, by, label, of.name, as_of
                    values[place] = value(each, given)
                    yield place, values[place]


def value(formula: Formula, given: dict[str, Any]) -> Optional[float]:
    """What an expression comes to; None where something has no value, or is divided by 0."""
    if None in given.values():
        return None
    exact = {name: of if isinstance(of, float) else Fraction(of) for name, of in given.items()}
    is_ratio = set(exact) == {"numerator", "denominator"}
    operands = exact if is_ratio else {name: float(of) for name, of in exact.items()}
    try:
        return float(eval(formula.expression, {"__builtins__": {}}, operands))
    except ZeroDivisionError:
        return None
