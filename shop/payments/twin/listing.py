"""Lists and expansion: the two things every resource answers alike.

Source: Stripe API reference, "Pagination" (newest first, cursors by id) and "Expanding responses".
"""

from shop.payments.twin.contract import Act
from shop.payments.twin.objects import public
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Condition, Obj

_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# Where a field holds the id of another object, and the lists an object may carry.
_POINTS_TO = {"payment_intent": "payment_intent", "latest_charge": "charge", "charge": "charge"}
_MAY_CARRY = {"charge": {"refunds"}, "checkout.session": {"line_items"}}


def listed(act: Act, kind: str, fields: tuple[str, ...] = (), also: list[Condition] | None = None) -> Obj:
    """A page of objects, newest first; `fields` are parameters that must equal the object's field."""
    params = act.params
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refusal("Invalid limit: must be between 1 and 100", param="limit")
    conditions = [*(also or []), *_created(params.get("created"))]
    for field in fields:
        if field in params:
            conditions.append((f"json_extract(body, '$.{field}') = ?", (params[field],)))
    order = "ASC" if "ending_before" in params else "DESC"
    for cursor, compare in (("starting_after", "<"), ("ending_before", ">")):
        if cursor in params:
            seq = act.tx.seq(params[cursor])
            if seq is None:
                raise missing(kind, params[cursor], cursor)
            conditions.append((f"seq {compare} ?", (seq,)))
    found = act.tx.page(kind, conditions, order, limit + 1)
    page = found[:limit]
    if order == "ASC":
        page.reverse()
    return {"object": "list", "url": act.path, "has_more": len(found) > limit, "data": page}


def _created(created: int | dict[str, int] | None) -> list[Condition]:
    if created is None:
        return []
    if isinstance(created, int):
        return [("created = ?", (created,))]
    return [(f"created {_COMPARE[name]} ?", (value,)) for name, value in created.items()]


def expanded(act: Act, body: Obj) -> Obj:
    """The answer without private notes, with the paths in `expand` replaced by their objects."""
    answer: Obj = public(body)
    for path in act.params.get("expand", []):
        parts = path.split(".")
        if answer["object"] == "list":
            if parts[0] != "data":
                raise _cannot(path)
            for each in answer["data"]:
                _expand(act, each, parts[1:], path)
        else:
            _expand(act, answer, parts, path)
    return answer


def _expand(act: Act, body: Obj, parts: list[str], path: str) -> None:
    if not parts:
        raise _cannot(path)
    field, rest = parts[0], parts[1:]
    if field in _MAY_CARRY.get(body["object"], ()):
        body[field] = _carried(act, body, field)
    elif field not in _POINTS_TO or field not in body:
        raise _cannot(path)
    elif isinstance(body[field], str):
        body[field] = public(act.tx.find(_POINTS_TO[field], body[field]))
    if rest and body[field] is not None:
        _expand(act, body[field], rest, path)


def _carried(act: Act, body: Obj, field: str) -> Obj:
    """The newest ten refunds of a charge, or the lines of a session."""
    if field == "refunds":
        data = act.tx.where("refund", "charge", body["id"])[::-1]
    else:
        stored = act.tx.find(body["object"], body["id"]) or {}
        data = stored["_line_items"]
    url = f"/v1/{body['object'].replace('.', '/')}s/{body['id']}/{field}"
    return {"object": "list", "url": url, "has_more": len(data) > 10, "data": public(data[:10])}


def _cannot(path: str) -> Refusal:
    return Refusal(f"This property cannot be expanded ({path}).", param="expand")
