"""What the buyer sees: a pay page, the wallet's or bank's page, and how it ended. Always "simulated".

Pages work without JavaScript and load nothing from elsewhere. The form's target stays on this
server, but Chromium applies `form-action` to the redirect that follows, so the shop's origin is
allowed there.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
import qrcode
import qrcode.image.svg
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from kernel.money import Money
from shop.payments.twin import cards, intents, sessions, words
from shop.payments.twin.api import Settings, now_of
from shop.payments.twin.contract import Act
from shop.payments.twin.refusal import Refusal
from shop.payments.twin.store import Obj, Store

HERE = Path(str(files("shop.payments.twin")))


@cache
def _environment(language: str) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: words.translate(text, language),
        lambda one, many, n: words.translate(one if n == 1 else many, language),
        newstyle=True,
    )
    env.filters["yuan"] = lambda fen: Money(fen).format()
    return env


def answer(request: Request, settings: Settings, store: Store) -> Response:
    """Answer a browser."""
    try:
        view, values = ROUTES.bind_to_environ(request.environ).match()
        with store.work() as tx:
            act = Act(tx, now_of(tx), settings.base, {}, request.path)
            response: Response = view(request, act, *values.values())
    except Refusal as refusal:
        response = _page(request, None, "gone.html", refusal.status, state="unknown")
    except HTTPException as error:
        response = _page(request, None, "gone.html", error.code or 404, state="unknown")
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _page(request: Request, session: Obj | None, template: str, status: int = 200, **values: object) -> Response:
    locale = session["locale"] if session else None
    language = words.choose(request.args.get("lang"), locale, request.accept_languages)
    html = (
        _environment(language)
        .get_template(template)
        .render(
            language=words.LANGUAGES[language],
            other="zh" if language == "en" else "en",
            path=request.path,
            session=session,
            lang=language,
            **values,
        )
    )
    response = Response(html, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _policy(session)
    response.headers["Cache-Control"] = "no-store"
    return response


def _policy(session: Obj | None) -> str:
    targets = {_origin(session[name]) for name in ("success_url", "cancel_url")} if session else set()
    actions = " ".join(["'self'", *sorted(targets - {""})])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        f" frame-ancestors 'none'; form-action {actions}"
    )


def _origin(url: str | None) -> str:
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _show(request: Request, act: Act, id: str) -> Response:
    session = sessions.get_session(act, id)
    if session["status"] != "open":
        return _page(request, session, "gone.html", state=session["status"], to=_onward(session))
    return _form(request, act, session, 200)


def _form(request: Request, act: Act, session: Obj, status: int, wrong: str = "") -> Response:
    intent = act.tx.find("payment_intent", session["payment_intent"] or "") or {}
    error = wrong or ("declined" if intent.get("last_payment_error") else "")
    chosen = request.form.get("method", session["payment_method_types"][0])
    return _page(
        request,
        session,
        "pay.html",
        status,
        error=error,
        code=(intent.get("last_payment_error") or {}).get("decline_code"),
        chosen=chosen,
        what=act.tx.find("checkout.session", session["id"])["_line_items"][0]["description"],  # type: ignore[index]
    )


def _submit(request: Request, act: Act, id: str) -> Response:
    session = sessions.get_session(act, id)
    if session["status"] != "open":
        return redirect(f"/pay/{id}", 303, Response)
    method = request.form.get("method", "")
    if method not in session["payment_method_types"]:
        return _form(request, act, session, 422, "method")
    instrument = cards.WALLETS.get(method) or cards.by_number(request.form.get("number", ""))
    if request.form.get("act") == "fail":
        instrument = cards.WALLETS.get(method) or cards.NUMBERS["4000000000000002"]
    if instrument is None:
        return _form(request, act, session, 422, "number")
    intent = sessions.pay(act, session, instrument)
    if intent["status"] == "requires_action" and request.form.get("act") == "fail":
        intent = sessions.answer_action(act, intent, agreed=False)
    return _follow(request, act, intent)


def _follow(request: Request, act: Act, intent: Obj) -> Response:
    """Send the browser to where the payment stands now."""
    lang = request.args.get("lang")
    query = f"?lang={lang}" if lang in words.LANGUAGES else ""
    if intent["status"] == "requires_action":
        return redirect(f"/authorize/{intent['id']}{query}", 303, Response)
    if not intent.get("_session"):
        address = intents.return_address(intent)
        if address is None:
            return _page(request, None, "gone.html", state=intent["status"], to=None)
        return redirect(address, 303, Response)
    session = sessions.get_session(act, intent["_session"])
    if session["status"] == "complete":
        return redirect(_onward(session) or f"/pay/{session['id']}", 303, Response)
    return redirect(f"/pay/{session['id']}{query}", 303, Response)


def _onward(session: Obj) -> str | None:
    """The shop's address for a finished session."""
    if session["status"] == "complete":
        url: str = session["success_url"]
        return url.replace("{CHECKOUT_SESSION_ID}", session["id"])
    back: str | None = session["cancel_url"]
    return back


def _ask(request: Request, act: Act, id: str) -> Response:
    intent = intents.get_intent(act, id)
    if intent["status"] != "requires_action":
        return _follow(request, act, intent)
    session = act.tx.find("checkout.session", intent.get("_session", ""))
    kind = intent["_instrument"]["type"]
    response = _page(request, session, "authorize.html", intent=intent, kind=kind)
    if session is None and intent.get("_return_url"):
        response.headers["Content-Security-Policy"] += f" {_origin(intent['_return_url'])}"
    if kind == "wechat_pay":  # the phone pays, this screen follows
        response.headers["Refresh"] = "4"
    return response


def _answer(request: Request, act: Act, id: str) -> Response:
    intent = intents.get_intent(act, id)
    if intent["status"] == "requires_action":
        agreed = request.form.get("act") == "pay"
        intent = sessions.answer_action(act, intent, agreed)
    return _follow(request, act, intent)


def _qr(_request: Request, act: Act, id: str) -> Response:
    intents.get_intent(act, id)
    image = qrcode.make(f"{act.base}/authorize/{id}", image_factory=qrcode.image.svg.SvgPathImage, border=2)
    return Response(image.to_string(), mimetype="image/svg+xml")


def _asset(_request: Request, _act: Act, name: str) -> Response:
    if name != "twin.css":
        raise NotFound
    return Response((HERE / "assets" / name).read_bytes(), mimetype="text/css")


ROUTES = Map(
    [
        Rule("/pay/<id>", methods=["GET"], endpoint=_show),
        Rule("/pay/<id>", methods=["POST"], endpoint=_submit),
        Rule("/authorize/<id>", methods=["GET"], endpoint=_ask),
        Rule("/authorize/<id>", methods=["POST"], endpoint=_answer),
        Rule("/authorize/<id>/qr.svg", methods=["GET"], endpoint=_qr),
        Rule("/assets/<name>", methods=["GET"], endpoint=_asset),
    ]
)
