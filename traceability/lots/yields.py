"""What may come out of what went in. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from kernel.errors import Invalid
from kernel.quantity import Dimension, Quantity, Unit, plain
from traceability.lots.units import in_standard_unit


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
    @property
    def reason(self) -> str: ...


class Rule(Protocol):
    """Yields that are credible for one material: ``low`` to ``high`` of ``unit`` for one ``per_unit``."""

    material: str
    low: Decimal
    high: Decimal
    unit: Unit
    per_unit: Unit


def check(taken: Sequence[Quantity], outputs: Sequence[Output], rules: Sequence[Rule]) -> None:
    """Raises Invalid when an output is beyond its yield, its yield beyond the rule, or all outputs heavier than the inputs.

    ``taken`` is in one unit. Without a rule, a yield of mass from mass may not be above 1.
    """
    whole = sum((quantity.amount for quantity in taken), Decimal(0))
    unit = taken[0].unit
    given_of: defaultdict[tuple[str, Unit], Decimal] = defaultdict(Decimal)
    for output in outputs:
        made = in_standard_unit(output.quantity)
        given_of[_name(output), made.unit] += made.amount
    for output in outputs:
        _check_range(output, unit, [rule for rule in rules if rule.material == _name(output) and rule.per_unit is unit])
        _check_output(output, given_of[_name(output), in_standard_unit(output.quantity).unit], whole, unit)
    heaviest = max(output.yield_high for output in outputs)
    given = sum((in_standard_unit(o.quantity).amount for o in outputs if o.quantity.dimension is unit.dimension), Decimal(0))
    if unit.dimension is Dimension.MASS and given > whole * max(heaviest, Decimal(1)):
        raise Invalid(
            "产出合计 %(given)s %(unit)s，比投入的 %(taken)s %(unit)s还多，请检查。",
            params={"given": plain(given), "taken": plain(whole), "unit": unit.label},
            field="outputs",
        )


def _name(output: Output) -> str:
    """The material as the lot will be called, so that a blank before it gets past no rule."""
    return output.material.strip()


def _check_range(output: Output, unit: Unit, rules: Sequence[Rule]) -> None:
    made_in = in_standard_unit(output.quantity).unit
    low, high = output.yield_low, output.yield_high
    if not 0 <= low <= high or high <= 0:
        raise Invalid("“%(material)s”的出品率范围不对。", params={"material": output.material}, field="yield")
    bounds = [(rule.low, rule.high) for rule in rules if rule.unit is made_in]
    if not bounds and made_in.dimension is Dimension.MASS is unit.dimension:
        bounds = [(Decimal(0), Decimal(1))]
    for least, most in bounds:
        if low < least or high > most:
            raise Invalid(
                "“%(material)s”填写的出品率 %(low)s–%(high)s 超出核定范围 %(least)s–%(most)s。",
                params={
                    "material": output.material,
                    "low": plain(low),
                    "high": plain(high),
                    "least": plain(least),
                    "most": plain(most),
                },
                field="yield",
            )


def _check_output(output: Output, given: Decimal, whole: Decimal, unit: Unit) -> None:
    """``given`` is what all outputs of this material come to: written on two lines, a carcass would weigh twice what one sheep gives."""
    made = in_standard_unit(output.quantity)
    if made.amount <= 0:
        raise Invalid("“%(material)s”的产出数量要大于 0。", params={"material": output.material}, field="quantity")
    facts: dict[str, object] = {
        "material": output.material,
        "given": plain(given),
        "unit": made.unit.label,
        "taken": plain(whole),
        "taken_unit": unit.label,
    }
    if given > whole * output.yield_high:
        raise Invalid(
            "投入 %(taken)s %(taken_unit)s，最多能产出“%(material)s”%(most)s %(unit)s，填写的 %(given)s %(unit)s太多了。",
            params=facts | {"most": plain(whole * output.yield_high)},
            field="quantity",
        )
    if given < whole * output.yield_low and not output.reason.strip():
        raise Invalid(
            "投入 %(taken)s %(taken_unit)s，“%(material)s”至少应产出 %(least)s %(unit)s；只有 %(given)s %(unit)s的话，请写明原因。",
            params=facts | {"least": plain(whole * output.yield_low)},
            field="reason",
        )
