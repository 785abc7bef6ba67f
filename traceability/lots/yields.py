"""What may come out of what went in. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from kernel.errors import FieldError, Gettext, Invalid, fill
from kernel.quantity import Quantity, Unit, plain
from traceability.lots.units import in_standard_unit

YIELD_TEXTS = {
    "much": "投入 %(taken)s %(taken_unit)s，最多能产出“%(material)s”%(most)s %(unit)s，填写的 %(given)s %(unit)s太多了。",
    "little": "投入 %(taken)s %(taken_unit)s，“%(material)s”至少应产出 %(least)s %(unit)s，填写的只有 %(given)s %(unit)s。",
    "unruled": "县里还没有核定“%(material)s”的出品率，须由县农业农村部门签字（投入 %(taken)s %(taken_unit)s，产出 %(given)s %(unit)s）。",
    "heavy": "产出合计 %(given)s %(unit)s，比投入的 %(taken)s %(unit)s还多。",
}


class Output(Protocol):
    """One output as declared."""

    @property
    def material(self) -> str: ...
    @property
    def quantity(self) -> Quantity: ...
    @property
    def yield_low(self) -> Decimal: ...
    @property
    def yield_high(self) -> Decimal: ...


class Rule(Protocol):
    """Yields that are credible for one material: ``low`` to ``high`` of ``unit`` for one ``per_unit``."""

    material: str
    low: Decimal
    high: Decimal
    unit: Unit
    per_unit: Unit


@dataclass(frozen=True)
class Deviation:
    """One way in which a step is outside its range: a msgid with params. ``county_only``: above what the county holds credible, or the
    county has said nothing that bounds it.
    """

    message: str
    params: Mapping[str, object]
    county_only: bool

    def text(self, gettext: Gettext) -> str:
        """What is wrong, in the reader's language."""
        return fill(self.message, self.params, gettext)


class OffYield(Invalid):
    """A step gave more or less than its range; with a reason and a second person's signature it may be recorded (``signing``)."""

    def __init__(self, deviations: Sequence[Deviation], errors: Sequence[FieldError] = ()) -> None:
        super().__init__(deviations[0].message, params=deviations[0].params, field="outputs", errors=errors)
        self.deviations = tuple(deviations)


def find_deviations(taken: Sequence[Quantity], outputs: Sequence[Output], rules: Sequence[Rule]) -> list[Deviation]:
    """Where outputs are beyond or below their range, or all together heavier than the inputs; empty when all is well.

    ``taken`` is in one unit. Without a rule of the county nothing grows: a yield in the unit that went in may not be above 1, and what
    is counted in another unit, kilograms of carcass from head of sheep, is for the county to sign, or a new name would be a way round every
    rule. Raises Invalid for what no signature mends: a range that is none or not within the rule, an output of nothing.
    """
    whole = sum((quantity.amount for quantity in taken), Decimal(0))
    unit = taken[0].unit
    given_of = totals(outputs)
    found: dict[tuple[str, Unit], list[Deviation]] = {}
    for output in outputs:
        rule = credible(output, unit, rules)
        _check_range(output, rule)
        if output.quantity.amount <= 0:
            raise Invalid("“%(material)s”的产出数量要大于 0。", params={"material": output.material}, field="quantity")
        key = name_of(output)
        found.setdefault(key, []).extend(_judge(output, given_of[key], whole, unit, rule))
    # Of one material on two lines the narrower range counts, and is told once.
    told = [deviations[0] for deviations in found.values() if deviations]
    alike = [output for output in outputs if output.quantity.dimension is unit.dimension]
    given = sum((in_standard_unit(output.quantity).amount for output in alike), Decimal(0))
    most = whole * max([Decimal(1), *(output.yield_high for output in alike)])
    if given > most and not any(d.county_only for d in told):
        params = {"given": plain(given), "taken": plain(whole), "unit": unit.label}
        told.append(Deviation(YIELD_TEXTS["heavy"], params, county_only=True))
    return told


def totals(outputs: Sequence[Output]) -> dict[tuple[str, Unit], Decimal]:
    """What a step gave of each material: written on two lines, a carcass would weigh twice what one sheep gives."""
    given_of: defaultdict[tuple[str, Unit], Decimal] = defaultdict(Decimal)
    for output in outputs:
        given_of[name_of(output)] += in_standard_unit(output.quantity).amount
    return dict(given_of)


def name_of(output: Output) -> tuple[str, Unit]:
    """The material as the lot will be called, so that a blank before it gets past no rule, and the unit it is counted in."""
    return output.material.strip(), in_standard_unit(output.quantity).unit


def credible(output: Output, unit: Unit, rules: Sequence[Rule]) -> tuple[Decimal, Decimal] | None:
    """The yields the county holds credible for an output of inputs in ``unit``; without a rule at most 1 in that unit, else None."""
    material, made_in = name_of(output)
    for rule in rules:
        if (rule.material, rule.unit, rule.per_unit) == (material, made_in, unit):
            return rule.low, rule.high
    return (Decimal(0), Decimal(1)) if made_in is unit else None


def _check_range(output: Output, rule: tuple[Decimal, Decimal] | None) -> None:
    low, high = output.yield_low, output.yield_high
    if not 0 <= low <= high or high <= 0:
        raise Invalid("“%(material)s”的出品率范围不对。", params={"material": output.material}, field="yield")
    if rule is not None and (low < rule[0] or high > rule[1]):
        raise Invalid(
            "“%(material)s”填写的出品率 %(low)s–%(high)s 超出核定范围 %(least)s–%(most)s。",
            params={
                "material": output.material,
                "low": plain(low),
                "high": plain(high),
                "least": plain(rule[0]),
                "most": plain(rule[1]),
            },
            field="yield",
        )


def _judge(output: Output, given: Decimal, whole: Decimal, unit: Unit, rule: tuple[Decimal, Decimal] | None) -> list[Deviation]:
    """``given`` is what all outputs of this material come to."""
    facts: dict[str, object] = {
        "material": output.material.strip(),
        "given": plain(given),
        "unit": in_standard_unit(output.quantity).unit.label,
        "taken": plain(whole),
        "taken_unit": unit.label,
    }
    if rule is None:
        return [Deviation(YIELD_TEXTS["unruled"], facts, county_only=True)]
    if given > whole * output.yield_high:
        county_only = given > whole * rule[1]
        return [Deviation(YIELD_TEXTS["much"], facts | {"most": plain(whole * output.yield_high)}, county_only)]
    if given < whole * output.yield_low:
        return [Deviation(YIELD_TEXTS["little"], facts | {"least": plain(whole * output.yield_low)}, county_only=False)]
    return []
