"""The look-book: every macro on one page, for designers and for the tests. `python -m tests.kernel.lookbook` serves it."""

from pathlib import Path

from flask import Flask, abort, flash, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader

import kernel
from kernel import web
from kernel.errors import Invalid
from tools import food

KERNEL = Path(kernel.__path__[0])
NAMES = [
    ("lamb", "盐池滩羊肉", "宁夏 · 盐池县", 13800),
    ("apple", "静宁苹果", "甘肃 · 静宁县", 5900),
    ("potato", "西吉马铃薯", "宁夏 · 西吉县", 2800),
    ("goji", "同心枸杞", "宁夏 · 同心县", 6800),
    ("honey", "宕昌中蜂蜂蜜", "甘肃 · 宕昌县", 8800),
]


def create_lookbook() -> Flask:
    """The shell and parts of kernel with sample content; no database."""
    app = Flask("lookbook", static_folder=str(KERNEL / "static"), template_folder=str(KERNEL / "templates"))
    app.config.update(SECRET_KEY="only-for-the-look-book", TEMPLATES_AUTO_RELOAD=True, RATELIMIT_STORAGE_URI="memory://")
    here = FileSystemLoader(Path(__file__).parent)
    app.jinja_loader = ChoiceLoader([FileSystemLoader(KERNEL / "templates"), here])  # type: ignore[assignment]
    web.prepare(app, demo=True, secure=False)

    @app.get("/look")
    def look() -> str:
        if request.args.get("said"):
            flash(request.args["said"], "ok")
        return render_template("look.html", products=NAMES)

    @app.get("/portal/approve")
    def portal() -> str:
        return render_template("portal_look.html")

    @app.get("/food")
    def pictures() -> str:
        return render_template("food_look.html", slugs=sorted(food.PICTURES))

    @app.post("/bad")
    def bad() -> str:
        raise Invalid("金额“%(text)s”不正确，请只写数字，小数最多 %(places)s 位，例如 12.50。", params={"text": "<b>", "places": 2})

    @app.get("/gone")
    def gone() -> str:
        abort(404)

    return app
