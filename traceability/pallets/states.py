"""Kinds of containers."""

from __future__ import annotations

from enum import StrEnum


class ContainerKind(StrEnum):
    """A case holds boxes, a pallet holds cases."""

    CASE = "case"
    PALLET = "pallet"


KIND_LABELS = {ContainerKind.CASE: "整箱", ContainerKind.PALLET: "托盘"}
