"""The demo's own pages: a tour by role, and the mail sink. They exist only where demo data is loaded."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from kernel.errors import NotFound
from kernel.mail import list_sunk
from kernel.web import everyone
from shop.config import Config
from shop.demo.keys import list_doors

bp = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


def _demo() -> Config:
    config: Config = current_app.config["SHANHAI"]
    if not config.demo:
        raise NotFound("这里没有演示数据。")
    return config


@bp.get("/")
@everyone
def tour() -> ResponseReturnValue:
    return render_template("demo/tour.html", doors=list_doors(_demo()))


@bp.get("/mail")
@everyone
def mail() -> ResponseReturnValue:
    config = _demo()
    letters = list_sunk((config.mail_url, config.sms_url), limit=60)
    return render_template("demo/mail.html", letters=[letter | {"at": datetime.fromisoformat(letter["at"])} for letter in letters])
