"""The GS1 Digital Link resolver (standard 1.2): codes lead to the page of the finest level, programs get a linkset."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode, urlsplit

import orjson
from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import everyone, language, limiter, show_problem, wants_json
from traceability.scan import linkset, syntax
from traceability.scan.digital_link import DigitalLink, parse
from traceability.scan.linkset import Target
from traceability.scan.queries import NoSuchBox, find_public_url
from traceability.scan.resolving import KEYS, Resolution, resolve

bp = Blueprint("resolver", __name__, template_folder="templates")

LINKSET_TYPE = "application/linkset+json"
NEVER_MADE = "/t/none"  # our page for a box or lot that was never made
GUESSES = "60 per minute"  # misses of one address: who guesses serials meets this, who scans boxes does not


@bp.errorhandler(NoSuchBox)
def show_no_such_box(problem: NoSuchBox) -> ResponseReturnValue:
    """Our page for a code that no box ever had; 404, for it is an error all the same."""
    if wants_json():
        return show_problem(problem)
    return render_template("scan/no_such_box.html", text=problem.text(gettext), code=problem.code), problem.status


def is_miss(response: Response) -> bool:
    """Whether an answer was a miss: 404, or anything that tells that a box or lot was never made, a linkset without it included."""
    return response.status_code == 404 or g.get("never_made", False)


@bp.after_request
def open_to_all(response: Response) -> Response:
    """What a resolver answer carries (standard 1.2): CORS for reading, and that it depends on Accept and Accept-Language.

    A serial stands in the address: where the link leads is not told where it came from.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
    response.headers["Access-Control-Expose-Headers"] = "Link"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.vary.update(("Accept", "Accept-Language"))
    return response


@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def resolve_link(_rest: str = "") -> ResponseReturnValue:
    """Resolve a Digital Link: 307 to a page, a linkset for those who ask; 400 for a broken code, 404 for a key we do not know.

    The page for a box or lot that was never made is another: the link itself must not be 404 (standard 1.2, walking up).
    """
    link = parse(f"https://host{_raw_path()}?{_query()}")
    with reading() as session:
        root = _find_root(session)
        if request.method == "OPTIONS":
            return _point_to_linkset(current_app.make_default_options_response(), link, root)
        found = resolve(session, link)
    g.never_made = found.unknown is not None
    asked = request.args.get("linkType", "")
    if asked in linkset.WHOLE_SET or (not asked and _wants_linkset()):
        return _answer_linkset(linkset.build_linkset(found.levels, root))
    chosen = _choose(found, linkset.bare(asked) if asked else linkset.DEFAULT)
    if not chosen:
        raise NotFound("这个编码没有这种链接。")
    response = make_response(
        _lead(chosen[0], root) if len(chosen) == 1 else (render_template("scan/choices.html", targets=chosen), 300)
    )
    return _point_to_linkset(response, link, root)


for _key in syntax.KEYS:  # each key of the dictionary belongs to the resolver, whether or not we have anything under it
    for _rule in (f"/{_key}", f"/{_key}/<path:_rest>"):
        bp.add_url_rule(
            _rule, view_func=resolve_link, methods=["GET", "OPTIONS"], provide_automatic_options=False, strict_slashes=False
        )


@bp.get("/.well-known/gs1resolver")
@everyone
def describe_resolver() -> ResponseReturnValue:
    """What this resolver supports (resolver description file)."""
    with reading() as session:
        root = _find_root(session)
    return Response(
        orjson.dumps(
            {
                "name": "Shanhai 山海集",
                "resolverRoot": root,
                "supportedPrimaryKeys": list(KEYS),
                "linkTypeDefaultCanBeLinkset": False,
                "supportedLinkType": [{"namespace": linkset.VOCABULARY, "prefix": "gs1:"}],
            }
        ),
        mimetype="application/json",
    )


def _raw_path() -> str:
    """The path as it was sent: an encoded slash in a lot number is no path separator. One trailing slash is tolerated."""
    sent = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    path = urlsplit(str(sent)).path if sent else quote(request.path, safe="/!$&'()*+,;=:@-._~")
    return path.removesuffix("/")


def _query() -> str:
    return request.query_string.decode("ascii", "replace")


def _wants_linkset() -> bool:
    """Whether the caller asks for a linkset rather than a page; a browser never does."""
    accept = request.accept_mimetypes
    return max(accept[LINKSET_TYPE], accept["application/json"]) > accept["text/html"]


def _choose(found: Resolution, kind: str) -> Sequence[Target]:
    """The links of that kind that suit the reader equally well. A box that was never made leads to our page that says so."""
    if kind == linkset.DEFAULT and found.unknown is not None:
        return [Target(kind, f"{NEVER_MADE}?{urlencode({'code': found.unknown})}", "")]
    says = bool(request.accept_languages) or "lang" in request.args
    wanted = ("en" if language() == "en" else "zh-CN") if says else None
    return linkset.choose(linkset.find_targets(found.levels, kind), wanted)


def _find_root(session: Session) -> str:
    """Where links lead: the address fixed at the first start; on a developer's machine, which may have another port now, this one."""
    config = current_app.config["SHANHAI"]
    return str(config.public_url) if config.local else find_public_url(session, config.public_url)


def _lead(target: Target, root: str) -> Response:
    """307 to the very address the linkset names, never one made of the Host that was asked.

    Parameters are passed on (rule 8), our own ``linkType`` left out.
    """
    passed = urlencode([(key, value) for key, value in request.args.items(multi=True) if key != "linkType"])
    page, hash_, fragment = linkset.complete(target.href, root).partition("#")
    joined = page + (f"{'&' if '?' in page else '?'}{passed}" if passed else "")
    response = redirect(joined + hash_ + fragment, 307)
    assert isinstance(response, Response)
    return response


def _point_to_linkset(response: Response, link: DigitalLink, root: str) -> Response:
    response.headers["Link"] = f'<{root}{link.path}?linkType=linkset>; rel="linkset"; type="{LINKSET_TYPE}"'
    return response


def _answer_linkset(document: dict[str, object]) -> Response:
    response = Response(orjson.dumps(document), mimetype=LINKSET_TYPE)
    response.headers["Link"] = f'<{linkset.CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    return response
