"""What all doors of ``/epcis`` share: versions and formats agreed on, keys, pages, and problems in the standard's own words.

What is not there is said so: XML 415, WebSocket 501, unknown versions and media types 406.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import orjson
from flask import Blueprint, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from catalog.parties.queries import find_key_actor
from kernel import clock
from kernel.db import problem_of, reading
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, TooLarge, Unauthorized
from kernel.web import csrf, door, limiter
from traceability.epcis import conditions, naming, paging, querying, schedule, schema, tokens
from traceability.epcis.documents import CONTEXT, build_query_document
from traceability.epcis.states import EpcFormat
from traceability.events.models import TraceEvent

bp = Blueprint("epcis", __name__, url_prefix="/epcis")
csrf.exempt(bp)  # keys in a header are sent by programs, never by a browser on its own
limiter.limit("6000 per minute")(bp)  # programs send faster than people click: 2,000 events a second in documents of 20

VERSION = "2.0.0"
JSON_TYPES = ("application/json", "application/ld+json")
LONGEST_ADDRESS = 8000
VERSION_RANGES = ("GS1-EPCIS", "GS1-CBV")
HEADERS = {
    **{f"{kind}-{which}": VERSION for kind in VERSION_RANGES for which in ("Version", "Min", "Max")},
    "GS1-Vendor-Version": "1",
    "GS1-EPCIS-Capture-Limit": str(schema.MOST_EVENTS),
    "GS1-EPCIS-Capture-File-Size-Limit": str(schema.MOST_BYTES),
}
F = TypeVar("F", bound=Callable[..., Any])


class NotAcceptable(Problem):
    """A version or a media type that is not spoken here."""

    status = 406
    title = "不支持所要的版本或格式"


class AddressTooLong(Problem):
    """A question longer than any browser or proxy carries."""

    status = 414
    title = "网址太长"


class UnsupportedMedia(Problem):
    """Not JSON."""

    status = 415
    title = "不支持这种内容格式"


class NotThere(Problem):
    """Part of the standard that this installation does not have."""

    status = 501
    title = "没有这项功能"


# Most particular first. The names are those of EPCIS 2.0 section 12.9.
EXCEPTIONS: list[tuple[type[Problem], int, str]] = [
    (conditions.QueryParameter, 400, "QueryParameterException"),
    (querying.QueryTooLarge, 413, "QueryTooLargeException"),
    (querying.QueryTooComplex, 413, "QueryTooComplexException"),
    (NotAcceptable, 406, "NotAcceptableException"),
    (AddressTooLong, 414, "URITooLongException"),
    (UnsupportedMedia, 415, "UnsupportedMediaTypeException"),
    (naming.QueryValidation, 400, "QueryValidationException"),
    (schedule.SubscriptionControls, 400, "SubscriptionControlsException"),
    (naming.NoSuchName, 404, "NoSuchNameException"),
    (Invalid, 400, "ValidationException"),
    (Unauthorized, 401, "SecurityException"),
    (Forbidden, 403, "SecurityException"),
    (NotFound, 404, "NoSuchResourceException"),
    (Conflict, 409, "ResourceAlreadyExistsException"),
    (TooLarge, 413, "CaptureLimitExceededException"),
]


@bp.before_request
def agree() -> None:
    """Refuse what is not spoken here before anything is done. Raises AddressTooLong, NotAcceptable."""
    if len(request.path) + len(request.query_string) > LONGEST_ADDRESS:
        raise AddressTooLong("网址超过 %(most)s 个字符，请改用命名查询。", params={"most": LONGEST_ADDRESS})
    wanted = request.accept_mimetypes
    if wanted and not any(wanted[kind] for kind in (*JSON_TYPES, "application/problem+json")):
        raise NotAcceptable("这里只答 JSON（application/json 或 application/ld+json）。")
    for kind in VERSION_RANGES:
        low, high = (_version(f"{kind}-{which}") for which in ("Min", "Max"))
        if not low <= _numbers(VERSION) <= high:
            raise NotAcceptable("这里只用 %(kind)s 2.0。", params={"kind": kind.removeprefix("GS1-")})
        if request.method == "POST" and _version(f"{kind}-Version")[:2] != _numbers(VERSION)[:2]:
            raise NotAcceptable("这里只用 %(kind)s 2.0。", params={"kind": kind.removeprefix("GS1-")})
    epc_format()


@bp.before_app_request
def refuse_socket() -> ResponseReturnValue | None:
    """Asked before the address is looked at: none is known to be for WebSockets."""
    if request.headers.get("Upgrade", "").lower() != "websocket" or not request.path.startswith(f"{bp.url_prefix}/"):
        return None
    return show_exception(NotThere("这里没有 WebSocket，请用命名查询的订阅（webhook）。"))


def _version(header: str) -> tuple[int, ...]:
    text = request.headers.get(header, VERSION)
    try:
        return _numbers(text)
    except ValueError as error:
        raise NotAcceptable("%(header)s 应是 2.0.0 这样的版本号。", params={"header": header}) from error


def _numbers(text: str) -> tuple[int, ...]:
    if not text.isascii() or len(text) > 20:
        raise ValueError(text)
    parts = [int(part) for part in text.strip().split(".")]
    return (*parts, *[0] * (3 - len(parts)))


def epc_format() -> EpcFormat:
    """How the asker wants identifiers written. Raises NotAcceptable."""
    word = request.headers.get("GS1-EPC-Format", EpcFormat.DIGITAL_LINK)
    try:
        return EpcFormat(word)
    except ValueError as error:
        allowed = "、".join(EpcFormat)
        raise NotAcceptable("GS1-EPC-Format 只能是：%(allowed)s。", params={"allowed": allowed}) from error


@bp.after_request
def tell_versions(response: Response) -> Response:
    """Every answer says which versions and limits hold here; OPTIONS says nothing else."""
    if request.method == "OPTIONS" and response.status_code == 200:
        response.status_code = 204
        response.set_data(b"")
    if response.status_code in (201, 202, 204) and not response.get_data():
        response.headers.pop("Content-Type", None)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("GS1-EPC-Format", str(g.get("epc_format", EpcFormat.DIGITAL_LINK)))
    return response


@bp.errorhandler(Problem)
def show_exception(problem: Problem) -> ResponseReturnValue:
    """A Problem as ``application/problem+json`` with the standard's exception types (RFC 9457)."""
    status, name = next(
        ((s, n) for kind, s, n in EXCEPTIONS if isinstance(problem, kind)), (problem.status, "ImplementationException")
    )
    body: dict[str, Any] = {
        "type": f"epcisException:{name}",
        "title": name,
        "status": status,
        "detail": problem.text(gettext),
    }
    if problem.errors:
        body["errors"] = [{"pointer": error.field, "detail": error.text(gettext)} for error in problem.errors]
    answer = Response(orjson.dumps(body), status, mimetype="application/problem+json")
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="epcis"'
    return answer


@bp.errorhandler(DBAPIError)
def show_refusal(error: DBAPIError) -> ResponseReturnValue:
    """What the database refuses for no fault of ours."""
    problem = problem_of(error)
    if problem is None:
        raise error
    return show_exception(problem)


def needs(scope: str) -> Callable[[F], F]:
    """Let a view be used with a key that carries ``scope``; the actor is then the key's organisation."""

    def wrap(view: F) -> F:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            g.actor = _actor_of_key(scope)
            return cast(ResponseReturnValue, view(*args, **kwargs))

        return cast(F, door(scope)(guarded))

    return wrap


def _actor_of_key(scope: str) -> Any:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorized("请在 Authorization 头里带上接口密钥：Bearer 密钥。")
    with reading() as session:
        actor = find_key_actor(session, token.strip(), scope, clock.now())
    if actor is None:
        raise Forbidden("接口密钥无效、已停用，或没有“%(scope)s”权限。", params={"scope": scope})
    return actor


def json_body() -> Any:
    """The body as JSON. Raises UnsupportedMedia, TooLarge (before it is read), Invalid."""
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedMedia("这里只收 JSON（application/json 或 application/ld+json）。")
    # A body sent in chunks has no length beforehand.
    if (request.content_length or 0) > schema.MOST_BYTES or len(body := request.get_data()) > schema.MOST_BYTES:
        raise TooLarge("文件超过 %(most)s 字节。", params={"most": schema.MOST_BYTES})
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid("内容不是 JSON：%(detail)s", params={"detail": str(error)[:120]}) from error


def json_answer(body: Any, status: int = 200) -> Response:
    """JSON; JSON-LD when it has a context."""
    kind = "application/ld+json" if isinstance(body, dict) and "@context" in body else "application/json"
    return Response(orjson.dumps(body), status, mimetype=kind)


def collection(members: Iterable[str]) -> Response:
    """A list of resources as the standard writes it."""
    return json_answer({"@context": [CONTEXT], "type": "Collection", "member": list(members)})


def events_answer(events: Iterable[TraceEvent], name: str = "SimpleEventQuery") -> Response:
    """Events as an EPCISQueryDocument, identifiers in the form the asker wants."""
    g.epc_format = wanted = epc_format()
    return json_answer(build_query_document(events, wanted, name, created_at=clock.now()))


class Paging:
    """The words of a question and the place to go on from: ``perPage`` and ``nextPageToken``, bound to address and asker."""

    def __init__(self, *known: str) -> None:
        """``known`` are the words allowed; none means the view looks at them itself. Raises QueryParameter."""
        words = {name: "|".join(values) for name, values in request.args.to_dict(flat=False).items()}
        self.token = words.pop("nextPageToken", None)
        self.words = words
        if known and (unknown := sorted(words.keys() - set(known))):
            name = unknown[0][:60]
            raise conditions.QueryParameter("不支持查询参数 %(name)s。", params={"name": name}, field=name)

    @property
    def size(self) -> int:
        """How many a page holds. Raises QueryParameter."""
        return querying.page_size(self.words)

    def _asked(self) -> dict[str, str]:
        return {**self.words, " path": request.path, " asker": str(next(iter(current_actor().roles), ""))}

    def state(self, session: Session) -> tokens.State | None:
        """Where the last page ended; None on the first. Raises QueryParameter, also for a token that was given back."""
        if self.token is None:
            return None
        if paging.has_ended(session, self.token):
            raise conditions.QueryParameter("nextPageToken 无效或已过期，请从第一页重新查询。", field="nextPageToken")
        return tokens.read_token(str(current_app.secret_key), self.token, self._asked())

    def lead_on(self, answer: Response, state: tokens.State | None) -> Response:
        """Add the address of the next page, unless this is the last."""
        if state is not None:
            token = tokens.make_token(str(current_app.secret_key), self._asked(), state)
            following = urlencode({**self.words, "nextPageToken": token})
            answer.headers["Link"] = f'<{_quoted_path()}?{following}>; rel="next"'
            answer.headers["GS1-Next-Page-Token-Expires"] = clock.format_iso(_expiry(clock.now()))
        return answer


def _quoted_path() -> str:
    return quote(request.path, safe="/:@!$&'()*+,;=~")


def _expiry(at: datetime) -> datetime:
    return at + timedelta(seconds=tokens.LIFE)
