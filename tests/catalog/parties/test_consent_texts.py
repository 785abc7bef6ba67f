"""What was once read out is never reworded: each version is held by its digest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.parties.consent_texts import CONSENT_TEXTS, CURRENT, get_text
from catalog.parties.models import ConsentScope
from kernel.errors import NotFound

DIGESTS = {"2026-11": "64dda7ccd4fe62239e273541c05b913fac5a0d3a74204357019aea14b13ff02a"}


def test_no_version_was_reworded() -> None:
    assert {version: text.digest for version, text in CONSENT_TEXTS.items()} == DIGESTS


def test_a_changed_word_is_seen() -> None:
    text = get_text(CURRENT)
    assert replace(text, opening=text.opening.replace("由您自己", "由您")).digest != text.digest
    assert replace(text, rights=text.rights[:-1]).digest != text.digest


def test_every_version_speaks_of_every_scope() -> None:
    assert all(set(text.scopes) == set(ConsentScope) for text in CONSENT_TEXTS.values())
    with pytest.raises(NotFound):
        get_text("1999-01")
