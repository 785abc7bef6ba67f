"""The page of one's messages."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import work
from shop.notices import notifying
from shop.notices.queries import list_notices
from shop.notices.wording import words_of

bp = Blueprint("notices", __name__, template_folder="templates")
PAGE = 30


@bp.get("/account/messages")
@require(Role.consumer)
def messages() -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    with work() as session:
        found = list_notices(session, person_id, after=request.args.get("after", type=UUID), limit=PAGE)
        rows = [(notice, *words_of(notice.kind, notice.params, _)) for notice in found]
        unread = {notice.id for notice in found if notice.read_at is None}
        notifying.mark_read(session, person_id, at=clock.now())
    following = found[-1].id if len(found) == PAGE else None
    return render_template("notices/messages.html", rows=rows, unread=unread, following=following)
