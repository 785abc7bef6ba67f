"""What the API answers when it does not do as asked, in Stripe's own shape.

Source: Stripe API reference, "Errors" (types `api_error`, `card_error`, `idempotency_error`,
`invalid_request_error`) and "HTTP status code summary".
"""

from typing import Any


class Refusal(Exception):
    """A request refused. `keep`: what was written so far stays (a declined payment is a fact)."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keep = keep
        said = {"type": kind, "code": code, "message": message, "param": param, **more}
        self.body = {"error": {name: value for name, value in said.items() if value is not None}}


def missing(kind: str, identifier: str, param: str = "id") -> Refusal:
    """404 `resource_missing`."""
    return Refusal(f"No such {kind}: '{identifier}'", status=404, code="resource_missing", param=param)
