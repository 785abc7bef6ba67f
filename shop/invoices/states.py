"""The life of an invoice request (开票申请)."""

from __future__ import annotations

import enum

from kernel.states import States


class InvoiceState(enum.StrEnum):
    """Asked for, issued by the seller, corrected by a red-letter invoice (红字), or withdrawn before it was issued."""

    REQUESTED = "requested"
    ISSUED = "issued"
    RED = "red"
    WITHDRAWN = "withdrawn"


STATES = States(
    {
        InvoiceState.REQUESTED: {InvoiceState.ISSUED, InvoiceState.WITHDRAWN},
        InvoiceState.ISSUED: {InvoiceState.RED},
        InvoiceState.RED: set(),
        InvoiceState.WITHDRAWN: set(),
    },
    ends=(InvoiceState.ISSUED, InvoiceState.RED, InvoiceState.WITHDRAWN),
    labels={
        InvoiceState.REQUESTED: "待开票",
        InvoiceState.ISSUED: "已开票",
        InvoiceState.RED: "已红冲",
        InvoiceState.WITHDRAWN: "已撤回",
    },
)
