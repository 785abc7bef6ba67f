"""The verifier for browsers, made ready: the policy pinned in it, its hashes logged, its files in the published folder.

The files stand alone: any host can serve the folder ``verifier/``, and ``offline.html`` works from a disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

from kernel.db import work
from traceability.ledger.pinning import log_verifier
from traceability.ledger.verify import parse_policy
from traceability.ledger.writer import write_whole

FOLDER = "verifier"
FILES = {
    "fallback.js": "text/javascript; charset=utf-8",
    "verify.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
    "offline.html": "text/html; charset=utf-8",
}
_SOURCE = Path(__file__).parent / "static"
_PINNED = 'export const POLICY = "";'
_FALLBACK = 'import("./fallback.js")'
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./verify\.js";\n', re.MULTILINE)


def install_verifier(directory: Path, origin: str, policy: str, at: datetime) -> None:
    """Log the hashes of the verifier's files if they are new, then write them, the page last. Raises OSError, SQLAlchemyError."""
    files = build_verifier(policy)
    with work() as session:
        log_verifier(session, origin, files, at)
    for name, data in files.items():
        write_whole(directory, f"{FOLDER}/{name}", data)


def build_verifier(policy: str) -> dict[str, bytes]:
    """The verifier's files with this policy pinned in them, in the order they are to be written."""
    pinned = pin(policy)
    fallback, verify, page, style, html = (
        (_SOURCE / name).read_text("utf-8") for name in ("fallback.js", "verify.js", "page.js", "page.css", "page.html")
    )
    if verify.count(_PINNED) != 1 or verify.count(_FALLBACK) != 1 or len(_IMPORT.findall(page)) != 1:
        raise ValueError("the verifier's source is not as this module knows it")
    verify = verify.replace(_PINNED, f"export const POLICY = {json.dumps(pinned)};")
    html = html.replace("{log}", next((url for url in parse_policy(policy.encode()).logs.values() if url), "https://SHOP/log"))
    texts = {"fallback.js": fallback, "verify.js": verify, "page.js": page, "page.css": style, "index.html": html}
    return {name: text.encode() for name, text in (texts | {"offline.html": _in_one(texts)}).items()}


def pin(policy: str) -> str:
    """The policy without the witnesses' addresses: a verifier asks the log only, and addresses change more often than keys."""
    lines = [line.split() if line.startswith("witness ") else [line] for line in policy.split("\n")]
    return "\n".join(" ".join(items[:3]) for items in lines)


def _in_one(texts: dict[str, str]) -> str:
    """The page with everything inside it, since a browser loads no modules from a disk; its own policy allows exactly these scripts."""
    fallback = f'import("data:text/javascript;base64,{base64.b64encode(texts["fallback.js"].encode()).decode()}")'
    verify = re.sub(r"^export ", "", texts["verify.js"].replace(_FALLBACK, fallback), flags=re.MULTILINE)
    script = f"{verify}\n{{\n{_IMPORT.sub('', texts['page.js'])}\n}}\n"
    style = texts["page.css"]
    allowed = (
        f"default-src 'none'; script-src {_hash_source(script)} data:; style-src {_hash_source(style)}; "
        "img-src data:; connect-src *; base-uri 'none'; form-action 'none'"
    )
    html = texts["index.html"].replace('<link rel="stylesheet" href="page.css">', f"<style>{style}</style>")
    html = html.replace('<script type="module" src="page.js"></script>', f'<script type="module">{script}</script>')
    guard = f'<meta http-equiv="Content-Security-Policy" content="{allowed}">'
    return html.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{guard}')


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
