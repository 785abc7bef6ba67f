"""What a partner may choose between: what becomes of the rest of a document, how identifiers are written, how news is brought."""

from __future__ import annotations

from enum import StrEnum


class ErrorBehaviour(StrEnum):
    """The values of the header GS1-Capture-Error-Behaviour (EPCIS 2.0, section 12.6.1)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


class EpcFormat(StrEnum):
    """The values of the header GS1-EPC-Format (EPCIS 2.0, section 12.9)."""

    NO_PREFERENCE = "No_Preference"
    DIGITAL_LINK = "Always_GS1_Digital_Link"
    URN = "Always_EPC_URN"
    NEVER = "Never_Translates"


class DeliveryState(StrEnum):
    """Waiting, being brought by somebody, brought, or given up until a person looks."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    PARKED = "parked"
