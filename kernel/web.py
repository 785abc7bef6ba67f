"""What every page shares: security headers, language, CSRF, errors, once-only forms, filters.

Rooms build blueprints; ``shop/app.py`` calls ``prepare(app, …)`` once. Nothing here knows what is sold.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Callable, Collection, Hashable, Iterable
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import orjson
import structlog
from flask import Flask, Request, Response, current_app, g, make_response, redirect, render_template, request, session
from flask.json.provider import JSONProvider
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_translations, gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from kernel import clock, idempotency, translations
from kernel.db import describe, problem_of, work
from kernel.errors import Invalid, NotFound, Problem, TooLarge
from kernel.money import Money
from kernel.pages import Kept, Pages, hole
from kernel.quantity import Quantity

log = structlog.get_logger()

LANGUAGES = ("zh_Hans_CN", "en")
ACCESS = "__access__"
MIB = 1024 * 1024
BESIDE_A_FILE = 2 * MIB  # for what else is in a form with a file
F = TypeVar("F", bound=Callable[..., Any])


def network_of_reader() -> str:
    """What limits per address count by: the address, of IPv6 the /64, which one household has to itself."""
    address = get_remote_address()
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"


csrf = CSRFProtect()
babel = Babel()
limiter = Limiter(
    network_of_reader,
    default_limits=["1200 per minute"],
    swallow_errors=True,
    in_memory_fallback_enabled=True,
)


class OrjsonProvider(JSONProvider):
    """JSON by orjson: less CPU a page than the standard library."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        return orjson.dumps(obj, default=str).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        return orjson.loads(s)


def door(access: str) -> Callable[[F], F]:
    """Mark who may come through a view ("everyone", or roles by ``access.require``); a test refuses routes without a mark."""

    def mark(view: F) -> F:
        setattr(view, ACCESS, access)
        return view

    return mark


def everyone(view: F) -> F:
    """Mark a view as open to anybody."""
    return door("everyone")(view)


SAME_FOR_ALL = "everyone, without a look at who asks"


def same_for_all(view: F) -> F:
    """Mark a view that answers with published files: open to anybody, and not even the signed-in reader is looked up for it."""
    return door(SAME_FOR_ALL)(view)


def is_same_for_all() -> bool:
    """Whether the present request goes to such a view."""
    return getattr(current_app.view_functions.get(request.endpoint or ""), ACCESS, "") == SAME_FOR_ALL


def prepare(app: Flask, *, demo: bool, secure: bool) -> None:
    """Install the shared behaviour on ``app``; ``secure`` means served over https, ``demo`` shows 演示数据 on each page."""
    app.json = OrjsonProvider(app)
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=app.config.get("MAX_CONTENT_LENGTH") or 10 * MIB + BESIDE_A_FILE,
        BABEL_DEFAULT_LOCALE="zh_Hans_CN",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
    )
    csrf.init_app(app)
    translations.ensure_compiled()
    babel.init_app(app, locale_selector=language, default_translation_directories=str(translations.FOLDER))
    limiter.init_app(app)
    app.jinja_env.globals["gettext"] = _say  # over that of Babel, which takes everything for markup
    app.jinja_env.globals.update(
        demo=demo, csp_nonce=csp_nonce, csrf_token=_csrf_for_form, form_token=_token_for_form, lang=language
    )
    app.context_processor(lambda: {"csrf_token": _csrf_for_form})  # over that of CSRFProtect
    app.extensions["pages"] = Pages()
    app.jinja_env.filters.update(yuan=yuan, day=day, moment=moment, qty=qty, wan=wan, named=named)
    if secure:  # TLS ends at a web server in front: the reader's address is the one that server tells us, and no other
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.url_defaults(functools.partial(_version_static, Path(app.static_folder or "")))
    app.request_class = _Request
    app.before_request(_refuse_nul_in_address)
    app.after_request(_headers)
    app.after_request(_tell_allowance)
    app.register_error_handler(Problem, show_problem)
    app.register_error_handler(DBAPIError, _database_problem)
    app.register_error_handler(CSRFError, _csrf_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/readyz", "readyz", _readyz)
    app.add_url_rule("/language", "language", _switch_language, methods=["POST"])


_SIGNS = str.maketrans({"<": "&lt;", ">": "&gt;", '"': "&#34;"})


@pass_eval_context
def _say(context: EvalContext, message: str, **params: object) -> str:
    """``_(…)`` of templates: the sentence in the reader's language, its parameters escaped.

    Our sentences hold no markup, but words of people go through it too where they may be one of ours (a kind of goods, the name of a
    price list): no tag in them stays one, and without parameters a percent sign is a percent sign.
    """
    sentence = str(get_translations().ugettext(message))
    if not context.autoescape:
        return sentence % params if params else sentence.replace("%%", "%")
    safe = Markup(sentence.translate(_SIGNS))  # noqa: S704 - no tag is left in it
    return safe % params if params else safe.replace("%%", "%")


def language() -> str:
    """The reader's language: ``?lang=``, then the choice kept in the session, then what the browser asks for."""
    if not request:
        return LANGUAGES[0]
    wanted = request.args.get("lang") or session.get("lang")
    if wanted in LANGUAGES:
        return cast(str, wanted)
    if wanted and wanted.startswith("zh"):
        return LANGUAGES[0]
    best = request.accept_languages.best_match(["zh", "zh-CN", "zh-Hans", "en"])
    return "en" if best == "en" else LANGUAGES[0]


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class _Request(Request):
    """A request whose form is looked through for NUL when a view first reads it: not before the door has set its bounds, and never
    where a door reads the body as it came.
    """

    def _load_form_data(self) -> None:
        """Raises Invalid or RequestEntityTooLarge the first time; whoever shows the form again finds it empty."""
        if "form" in vars(self):
            return
        super()._load_form_data()
        given = [*self.form.items(multi=True), *((name, file.filename or "") for name, file in self.files.items(multi=True))]
        try:
            if self.mimetype in _FORMS:
                self.stream.read(1)  # of a body without a length the parser takes what fits within the bound for the whole
            _refuse_nul(given)
        except (Invalid, RequestEntityTooLarge):
            self.close()
            vars(self).update(form=self.parameter_storage_class(), files=self.parameter_storage_class())
            raise


def _refuse_nul_in_address() -> None:
    """Raises NotFound for a path that holds a NUL, Invalid for a question that does."""
    if any("\0" in str(value) for value in (request.view_args or {}).values()):
        raise NotFound("没有找到这个页面。请检查网址，或从首页重新进入。")
    _refuse_nul(request.args.items(multi=True))


def _refuse_nul(given: Iterable[tuple[str, str]]) -> None:
    """No door takes the character NUL, which PostgreSQL cannot keep and nobody types."""
    for name, value in given:
        if "\0" in name or "\0" in value:
            raise Invalid("内容里有不能保存的字符，请删掉后再试。", field=name.replace("\0", ""))


@csrf.exempt
@everyone
def _switch_language() -> ResponseReturnValue:
    """Keep the reader's choice. Needs no token: the act harms nobody, and pages cached for all carry the form."""
    chosen = request.form.get("lang", "")
    if chosen in LANGUAGES:
        session["lang"] = chosen
    return redirect(local_target(request.form.get("next")))


def local_target(target: str | None, default: str = "/") -> str:
    """``target`` when it is a path on this site, else ``default``: no open redirects."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return default
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and target.isprintable() else default


def csp_nonce() -> str:
    """One nonce a response, for the few inline scripts."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return cast(str, g.csp_nonce)


def _version_static(folder: Path, endpoint: str, values: dict[str, Any]) -> None:
    """Put a hash of the file's content into the address of a static file, so that it may be kept for ever."""
    if endpoint == "static" and "filename" in values:
        file = folder / values["filename"]
        if file.is_file():
            values.setdefault("v", _digest(file, file.stat().st_mtime_ns))


@functools.lru_cache(maxsize=1024)
def _digest(file: Path, changed: int) -> str:  # noqa: ARG001 - a changed file is hashed again
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _headers(response: Response) -> Response:
    script = f"'self' 'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'self'"
    form = getattr(g, "form_action", "'self'")
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'self'; script-src {script}; style-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {form}",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif not is_same_for_all() and (request.method != "GET" or session):  # a look at the session makes caches keep a copy a reader
        # A cookie may stand for a person, and a page with a form carries its tokens: neither is kept by any cache.
        response.headers.setdefault("Cache-Control", "private, no-store")
    else:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _tell_allowance(response: Response) -> Response:
    """How often one may ask and when again, to programs and to whoever was too fast: on a page nobody reads it, and it costs two looks."""
    limit = limiter.current_limit
    if limit is None or (response.mimetype == "text/html" and response.status_code != 429):
        return response
    try:
        left, again = limit.remaining, limit.reset_at
    except RedisError:  # the limiter itself goes on by itself then; its numbers are not worth a failed answer
        return response
    response.headers["X-RateLimit-Limit"] = str(limit.limit.amount)
    response.headers["X-RateLimit-Remaining"] = str(left)
    response.headers["X-RateLimit-Reset"] = str(again)
    response.headers.setdefault("Retry-After", str(max(again - int(clock.now().timestamp()), 0)))
    return response


def form_token() -> str:
    """A fresh idempotency key for a form; sent back as ``idempotency_key``."""
    return secrets.token_urlsafe(18)


def _token_for_form() -> str:
    return hole("token") if "keeping" in g else form_token()


def _csrf_for_form() -> str:
    return hole("csrf") if "keeping" in g else cast(str, generate_csrf())


def kept_page(
    reader: Hashable, look: Callable[[Any], str], draw: Callable[[], tuple[str, object]], *, questions: Collection[str] = ()
) -> bytes:
    """A page that is drawn once and shown until what it was drawn from changes.

    ``reader`` is all in which readers differ that the page shows (beside language and address); ``draw`` gives the page and what to
    watch; ``look`` asks how that stands now, before each showing. A page is kept once its state was asked *before* it was drawn, so it
    is never older than its state. A page with a message for this reader is drawn for this reader only; so is one asked for with other
    questions than ``questions`` (names of the address's parameters), or anybody could fill the room with addresses of their making.
    """
    if "_flashes" in session or not request.args.keys() <= {"lang", *questions}:
        return draw()[0].encode()
    pages: Pages = current_app.extensions["pages"]
    key = (language(), request.full_path, reader)
    earlier = pages.find(key)
    state = look(earlier.watched) if earlier else ""
    if earlier is None or not state or earlier.state != state:
        g.keeping = True
        try:
            html, watched = draw()
        finally:
            del g.keeping
        earlier = Kept.of(html, watched, state if earlier and earlier.watched == watched else "")
        pages.keep(key, earlier)
    return earlier.filled(_FILLERS)


_FILLERS: dict[str, Callable[[], str]] = {"token": form_token, "csrf": generate_csrf}


def once(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Run an unsafe view at most once for each idempotency key, inside one ``work()``.

    The view gets the open session as its first argument. Its answer is stored in the same transaction; a repeated request gets the
    stored answer. A Problem raised inside rolls everything back, the claim too, so the person can mend the form and send it again.
    """

    @functools.wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        key = request.headers.get("Idempotency-Key") or request.form.get("idempotency_key", "")
        if not (8 <= len(key) <= 255 and key.isascii() and key.isprintable()):
            raise Invalid("缺少防重复提交的编号，请刷新页面后再提交。", field="idempotency_key")
        scope = f"{getattr(g, 'actor_key', '')}|{request.endpoint}"
        print_ = idempotency.fingerprint(request.method.encode(), request.path.encode(), _body_for_fingerprint())
        with work() as open_session:
            earlier = idempotency.claim(open_session, scope, key, print_)
            if earlier is not None:
                return Response(earlier.body, earlier.status, dict(earlier.headers))
            response = make_response(view(open_session, *args, **kwargs))
            _remember(open_session, scope, key, print_, response)
            return response

    return wrapped


def _body_for_fingerprint() -> bytes:
    if request.mimetype in _FORMS:
        items = sorted((k, v) for k, v in request.form.items(multi=True) if k not in ("csrf_token", "idempotency_key"))
        files = []
        for name, upload in sorted(request.files.items(multi=True)):
            upload.stream.seek(0)  # the view may have read it already
            content = upload.stream.read()
            upload.stream.seek(0)
            files.append((name, upload.filename, idempotency.fingerprint(content)))
        return orjson.dumps([items, files])
    return request.get_data()


def _remember(open_session: Session, scope: str, key: str, print_: str, response: Response) -> None:
    kept = {name: response.headers[name] for name in ("Location", "Content-Type") if name in response.headers}
    body = response.get_data(as_text=True) if not response.is_streamed else ""
    idempotency.remember(
        open_session,
        idempotency.ClaimedKey(
            scope=scope,
            key=key,
            fingerprint=print_,
            status=response.status_code,
            headers=kept,
            body=body,
            created_at=clock.now(),
        ),
    )


Check = Callable[[], str | None]


def add_check(app: Flask, name: str, check: Check) -> None:
    """Let ``/readyz`` ask ``check``: None means well, a sentence says what is wrong."""
    app.extensions.setdefault("readiness", {})[name] = check


@limiter.exempt
@everyone
def _healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@limiter.exempt
@everyone
def _readyz() -> ResponseReturnValue:
    """Every part this installation needs, asked now; 503 while one of them does not answer."""
    found: dict[str, str] = {}
    for name, check in current_app.extensions.get("readiness", {}).items():
        try:
            found[name] = check() or "ok"
        except Exception as error:  # a part that cannot even be asked is not ready, whatever the reason
            found[name] = type(error).__name__
    ready = all(state == "ok" for state in found.values())
    return {"status": "ready" if ready else "not ready", "checks": found}, 200 if ready else 503


def wants_json() -> bool:
    """True when the caller is a program: a JSON body or ``Accept`` without HTML."""
    return request.is_json or (
        request.accept_mimetypes["application/json"] > request.accept_mimetypes["text/html"]
        or request.accept_mimetypes["application/problem+json"] > request.accept_mimetypes["text/html"]
    )


def kept(
    act: Callable[..., ResponseReturnValue], page: Callable[[dict[str, str]], ResponseReturnValue], *args: object
) -> ResponseReturnValue:
    """Run ``act``; when something has to be mended, show ``page`` again with what was typed and what is wrong, field by field.

    What the reader may not see or do at all stays a page of its own; programs get problem+json.
    """
    try:
        return act(*args)
    except Problem as problem:
        if wants_json() or problem.status in (401, 403, 404):
            raise
        answer = make_response(page(problem.by_field(gettext)))
        answer.status_code = problem.status
        return answer


def show_problem(problem: Problem) -> ResponseReturnValue:
    """A Problem as a page, or as ``application/problem+json`` (RFC 9457) to programs."""
    text = problem.text(gettext)
    if wants_json():
        errors = [{"field": error.field, "detail": error.text(gettext)} for error in problem.errors]
        body: dict[str, Any] = {"type": problem.type, "title": gettext(problem.title), "status": problem.status, "detail": text}
        if errors:
            body["errors"] = errors
        return Response(orjson.dumps(body), problem.status, mimetype="application/problem+json")
    return render_template("problem.html", problem=problem, title=gettext(problem.title), text=text), problem.status


def _database_problem(error: DBAPIError) -> ResponseReturnValue:
    problem = problem_of(error)
    if problem is None:
        raise error
    log.warning("refused by the database", trouble=describe(error), endpoint=request.endpoint)
    return show_problem(problem)


def _csrf_problem(_error: CSRFError) -> ResponseReturnValue:
    return show_problem(Invalid("页面放得太久了，为了安全请刷新后再提交一次。"))


_HTTP_TEXTS = {
    400: "请求的内容看不懂，请返回上一页重试。",
    404: "没有找到这个页面。请检查网址，或从首页重新进入。",
    405: "这个地址不支持这种操作。",
    413: "内容太多了，请分几次再传。",
    415: "不支持这种内容格式。",
    429: "操作太频繁了，请过一分钟再试。",
}

_HTTP_TITLES = {404: NotFound.title, 413: TooLarge.title, 429: "请慢一点"}


def _http_problem(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    problem = _too_large() if error.code == 413 else Problem(_HTTP_TEXTS.get(error.code, "暂时无法完成，请稍后再试。"))
    problem.status = error.code
    problem.title = _HTTP_TITLES.get(error.code, problem.title)
    answer = make_response(show_problem(problem))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            answer.headers[name] = value
    return answer


def _too_large() -> Problem:
    """The sentence names the file this very door takes; one that takes no files of some size is only told that it was too much."""
    most = ((request.max_content_length or 0) - BESIDE_A_FILE) // MIB
    if most < 1:
        return Problem(_HTTP_TEXTS[413])
    return Problem("上传的文件太大了，最大 %(most)s MB。请返回上一页，换小一点的文件再传。", params={"most": most})


def yuan(amount: Money | int) -> str:
    """``¥1,234.50`` from fen."""
    fen = amount.minor if isinstance(amount, Money) else amount
    sign = "-" if fen < 0 else ""
    return f"{sign}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def wan(fen: int) -> str:
    """Fen as 万元 with two decimals, half up: how public reports give money."""
    return f"{Money(fen).in_wan():,}"


def day(value: date | datetime) -> str:
    """A date as people in China read it: 2026-11-22, times seen from Shanghai."""
    if isinstance(value, datetime):
        value = clock.to_shanghai(value)
    return f"{value:%Y-%m-%d}"


def moment(value: datetime) -> str:
    """Date and minute in Shanghai time."""
    return f"{clock.to_shanghai(value):%Y-%m-%d %H:%M}"


def named(thing: Any) -> str:
    """The name of a thing in the reader's language: its ``name_en`` for English readers, where it has one."""
    return str((getattr(thing, "name_en", "") if language() == "en" else "") or thing.name)


def qty(value: Quantity) -> str:
    """An amount with its unit, in the reader's language: 12.5 千克."""
    return value.text(gettext)
