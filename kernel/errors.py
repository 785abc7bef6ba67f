"""What can go wrong in front of a person: one tree, mapped once to a page or to problem+json.

    Exception
    └── Problem                 500  a sentence that says what to do, plus status, title and type
        ├── Invalid             422  the input breaks a rule; may carry one FieldError per field
        ├── Unauthorized        401  nobody is signed in: sign in first
        ├── Forbidden           403  signed in, but not allowed
        ├── NotFound            404  no such thing, or none that this person may see
        ├── Conflict            409  right input, wrong moment: somebody was faster, wrong state
        ├── TooLarge            413  upload or request over its limit
        └── Unavailable         503  a part we need does not answer: try again later

Rooms add their own leaves (`class OutOfStock(Conflict)`); a leaf inherits the status, and its
`type` is its name in kebab-case unless it says otherwise. A bug is never a Problem: it stays a
TypeError, a ValueError or an assertion, is logged with its trace, and becomes a plain 500 page.

Messages are msgids in Simplified Chinese with %(name)s placeholders. They stay untranslated until
`text(gettext)` at the door, so an act needs no request. `pybabel extract` finds them when the class
names are given as keywords (`-k Invalid -k Conflict …`).

`type` and `title` follow RFC 9457 (Problem Details for HTTP APIs), section 3.1. This file imports
nothing of the web, so that a worker or a command can raise and print the same sentences.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

Gettext = Callable[[str], str]


class Term(str):
    """A parameter that is itself a msgid (a state's label, a unit) and is translated before it is put in."""

    __slots__ = ()


def fill(message: str, params: Mapping[str, object], gettext: Gettext) -> str:
    """Translate `message`, then put the parameters in.

    A message without parameters is left alone, so that its own % signs need no doubling.
    """
    sentence = gettext(message)
    if not params:
        return sentence
    return sentence % {k: gettext(v) if isinstance(v, Term) else v for k, v in params.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a form or of a JSON body, and what is wrong with it (a msgid, as in Problem)."""

    field: str
    message: str
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def text(self, gettext: Gettext) -> str:
        return fill(self.message, self.params, gettext)


class Problem(Exception):
    """Something a person must be told. Raise a subclass; each has its HTTP status, title and type.

    `message` says what to do. `field` names the one field it is about; `errors` names several.
    """

    status: int = 500
    title: str = "出错了"
    type: ClassVar[str] = "problem"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "type" not in cls.__dict__:
            cls.type = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        params: Mapping[str, object] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.params: dict[str, object] = dict(params or {})
        self.errors: tuple[FieldError, ...] = tuple(errors)
        if field is not None:
            self.errors = (FieldError(field, message, self.params), *self.errors)

    @property
    def field(self) -> str | None:
        """The first field at fault, or None when the problem is about no single field."""
        return self.errors[0].field if self.errors else None

    def text(self, gettext: Gettext) -> str:
        """The sentence in the reader's language, given that language's gettext."""
        return fill(self.message, self.params, gettext)

    def by_field(self, gettext: Gettext) -> dict[str, str]:
        """Field → sentence, for a form shown again; a problem about no field stands under ``""``."""
        found = {error.field: error.text(gettext) for error in self.errors}
        return found or {"": self.text(gettext)}

    def __str__(self) -> str:
        return self.text(lambda msgid: msgid)


class Invalid(Problem):
    """The input breaks a rule of format or of meaning."""

    status = 422
    title = "填写有误"


class Unauthorized(Problem):
    """Nobody is signed in, or the key is unknown."""

    status = 401
    title = "请先登录"


class Forbidden(Problem):
    """This person may not do that."""

    status = 403
    title = "没有权限"


class NotFound(Problem):
    """No such thing, or none that this person may know of."""

    status = 404
    title = "找不到"


class Conflict(Problem):
    """The state of things does not allow it now."""

    status = 409
    title = "当前状态不允许这样做"


class TooLarge(Problem):
    """More bytes or rows than the door takes."""

    status = 413
    title = "内容过大"


class Unavailable(Problem):
    """A part outside this process does not answer."""

    status = 503
    title = "服务暂时不可用"
