"""Shares within entities, averaged over them."""

from decimal import Decimal
from typing import Callable

from catalogue import NOW, Catalogue, Window, many, only
from ground import Ground
from kinds.kind import Kind, shared

# To how many decimals each share is rounded down before it is added.
DECIMALS = 9


def share(name: str, told: dict, catalogue: Catalogue, other: Callable[[str], Kind]) -> Kind:
    """Of what one metric counts for an entity that which another one counts."""
    known = ("of", "numerator", "denominator", "at_least", "where", "windows", "by", "include")
    only(told, "type", "description", *known)
    above, below = other(told["numerator"]), other(told["denominator"])
    free = [each.windows for each in (above, below) if each.windows != [NOW]]
    given = shared(name, told, {"entity": told["of"], "events": [], "where": told.get("where")}, catalogue)
    if "windows" not in told:
        given["windows"] = [each for each in (free or [[NOW]])[0] if all(each in of for of in free)]
    # What one unit of the numerator is in units of the denominator.
    unit = Decimal(1).scaleb(below.parts(below.windows[0])[""] - above.parts(above.windows[0])[""])
    limit = Decimal(str(told.get("at_least", 0)))

    def rows(ground: Ground, over: Window) -> str:
        counted = "coalesce(numerator.n, 0)"
        parts = {
            "_of": "1",
            # In whole numbers, since decimals would be divided as doubles.
            "_sum": f"{counted} * {int(unit.scaleb(DECIMALS))} // denominator.n",
        }
        if "at_least" in told:
            parts["_reached"] = f"({counted} * {unit:f} >= {limit:f} * denominator.n)::INTEGER"
        each = ", ".join(f"{{part: '{part}', n: ({n})::HUGEINT}}" for part, n in parts.items())
        return f"""
            SELECT as_of, unit, unnest([{each}], recursive := true)
            FROM denominator LEFT JOIN numerator USING (as_of, unit) WHERE denominator.n > 0
            """

    by = many(told.get("by", []))
    formulas = {"": {"type": "ratio", "numerator": f"{name}_sum", "denominator": f"{name}_of", "by": by}}
    parts = {"_of": 0, "_sum": DECIMALS}
    if "at_least" in told:
        reached = {"type": "ratio", "numerator": f"{name}_reached", "denominator": f"{name}_of", "by": by}
        formulas, parts = formulas | {"_reached_share": reached}, parts | {"_reached": 0}
    of = {"numerator": above, "denominator": below}
    return Kind(**given, page="share", rows=rows, parts=lambda _: parts, of=of, formulas=formulas)
