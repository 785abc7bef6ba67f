"""The request contract: every body and query is checked against the pinned SDK's own TypedDicts.

Three sieves, in this order: the SDK's type (an unknown or ill-typed parameter), the transport
options the SDK mixes into the same types (an `idempotency_key` belongs in a header), and the set
each operation says it really implements. Enums in the SDK are open (`Literal[...] | str`), so
operations check values themselves.
"""

import re
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import stripe
import typing_extensions
from pydantic import TypeAdapter, ValidationError

from shop.payments.twin.refusal import Refusal
from shop.payments.twin.store import Obj, Tx

TRANSPORT = frozenset(
    [
        "api_key",
        "stripe_version",
        "stripe_account",
        "stripe_context",
        "max_network_retries",
        "idempotency_key",
        "content_type",
        "headers",
    ]
)
_PART = re.compile(r"\[([^\[\]]*)\]")
_CODES = {"missing": "parameter_missing", "extra_forbidden": "parameter_unknown"}


@dataclass(frozen=True, slots=True)
class Act:
    """One request inside one transaction, as an operation sees it. `at` is in Unix seconds."""

    tx: Tx
    at: int
    base: str
    params: Obj
    path: str = ""
    request_id: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A route of the API: its parameter type in the SDK, the part implemented here, and the act.

    `takes` names parameters by dotted path; `*` stands for an index or any name.
    """

    method: str
    path: str
    params: Any
    takes: frozenset[str]
    run: Callable[..., Obj]


def takes(*names: str) -> frozenset[str]:
    """The parameters an operation implements; `expand` is common to all."""
    return frozenset({*names, "expand.*"})


LISTED = ["limit", "starting_after", "ending_before", "created", "created.gt", "created.gte", "created.lt", "created.lte"]


def decode_form(pairs: Iterable[tuple[str, str]]) -> Obj:
    """Undo the SDK's form encoding: `a[b][0]=x` becomes {"a": {"b": ["x"]}}. Raises Refusal."""
    tree: Obj = {}
    for name, value in pairs:
        head, bracket, _ = name.partition("[")
        rest = _PART.findall(name[len(head) :])
        if not head or (bracket and "".join(f"[{part}]" for part in rest) != name[len(head) :]):
            raise Refusal(f"Invalid parameter name: {name[:80]}", param=name[:80])
        _plant(tree, [head, *rest], value, name)
    return {name: _with_lists(value, name) for name, value in tree.items()}


def _plant(tree: Obj, path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise Refusal(f"Invalid parameter: {name[:80]} is both a value and a hash", param=name)
    leaf = path[-1] or str(len(tree))
    tree[leaf] = value


def _with_lists(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item, key) for key, item in value.items()}
    if name != "metadata" and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


@cache
def _adapter(params: Any) -> TypeAdapter[Any]:
    """Pydantic's view of one SDK TypedDict, closed to unknown keys at every level."""
    module = vars(sys.modules[params.__module__])
    for each in list(module.values()):
        if typing_extensions.is_typeddict(each):
            each.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}
    adapter: TypeAdapter[Any] = TypeAdapter(params)
    names = {**vars(typing), **vars(typing_extensions), **module}
    names.update(StripeContext=stripe.StripeContext, HTTPClient=object)
    adapter.rebuild(_types_namespace=names)
    return adapter


def check(operation: Operation, form: Obj) -> Obj:
    """The parameters with their types, or a Refusal that names the first wrong one."""
    try:
        values: Obj = _adapter(operation.params).validate_python(form)
    except ValidationError as error:
        raise _wrong(error) from None
    for name in TRANSPORT & values.keys():
        raise _unknown(name)
    for path in _paths(values):
        if not _taken(path, operation.takes):
            name = _bracketed(path.split("."))
            raise Refusal(
                f"The local server does not implement the parameter: {name}",
                code="twin_unsupported",
                param=name,
            )
    _check_metadata(values.get("metadata"))
    return values


def _wrong(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_input=False)[0]
    name = _bracketed([str(part) for part in first["loc"] if "[" not in str(part)])
    code = _CODES.get(first["type"])
    if code == "parameter_unknown":
        return _unknown(name)
    if code == "parameter_missing":
        return Refusal(f"Missing required param: {name}.", code=code, param=name)
    code = "parameter_invalid_integer" if first["type"].startswith("int") else None
    return Refusal(f"Invalid {name}: {first['msg']}", code=code, param=name)


def _unknown(name: str) -> Refusal:
    return Refusal(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _bracketed(parts: list[str]) -> str:
    return parts[0] + "".join(f"[{part}]" for part in parts[1:]) if parts else ""


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _paths(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}.{index}")
    else:
        yield path


def _taken(path: str, known: frozenset[str]) -> bool:
    if path in known:
        return True
    parts = path.split(".")
    return any(
        len(pattern) == len(parts) and all(p in ("*", q) for p, q in zip(pattern, parts, strict=True))
        for pattern in (name.split(".") for name in known)
    )


def _check_metadata(metadata: Obj | None) -> None:
    """Stripe API reference, "Metadata": 50 keys, names up to 40 and values up to 500 characters."""
    metadata = metadata or {}
    if len(metadata) > 50:
        raise Refusal("You can specify up to 50 metadata keys", param="metadata")
    for name, value in metadata.items():
        if len(name) > 40 or len(str(value)) > 500:
            raise Refusal(f"Metadata is too long: {name[:40]}", param="metadata")
