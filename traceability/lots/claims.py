"""What may be said of a lot, claim by claim, each by its own chain-of-custody model (ISO 22095:2020). Pure.

A tank that was not empty takes "these households and no others" away, but not the county: lots of different counties are never poured
together. Whether certificates hold depends on what was in it before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from catalog.documents.models import DocumentKind
from traceability.lots.models import Lot
from traceability.lots.states import Custody


class Claim(StrEnum):
    """What is said of a box: who grew it, where, and by which certificates."""

    HOUSEHOLDS = "households"
    COUNTY = "county"
    CERTIFICATES = "certificates"


class Model(StrEnum):
    """From this one source; from these and no others; from these on average."""

    IDENTITY_PRESERVED = "identity_preserved"
    SEGREGATED = "segregated"
    MASS_BALANCE = "mass_balance"


CERTIFICATES: Final = frozenset({DocumentKind.ORGANIC, DocumentKind.GREEN_FOOD, DocumentKind.GEOGRAPHICAL_INDICATION})
"""Certificates of what was grown; their schemes know no mass balance: poured together with anything else, it carries them no more
(``gating.find_lost_certificates``)."""


def models_of(lot: Lot, households: int, *, carries: bool) -> dict[Claim, Model | None]:
    """By which model each claim holds of a lot of so many households; None: it must not be made. ``carries``: the certificates of its
    product, or while it is for none, those that anything in it was brought with."""
    if lot.custody is Custody.MASS_BALANCE:
        growers = Model.MASS_BALANCE
    else:
        growers = Model.IDENTITY_PRESERVED if households == 1 else Model.SEGREGATED
    return {
        Claim.HOUSEHOLDS: growers,
        Claim.COUNTY: Model.SEGREGATED,
        Claim.CERTIFICATES: Model.SEGREGATED if carries else None,
    }
