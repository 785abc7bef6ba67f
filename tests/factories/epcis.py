"""A partner with a key at the EPCIS door, and events to send."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.keying import issue_key
from catalog.parties.models import SYSTEM, Organization, Role
from kernel.outbox import deliver_all
from tests.factories.catalog import AT, make_organization

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


class Partner:
    """An organisation with a key, at the door."""

    def __init__(
        self, client: FlaskClient, session: Session, organization: Organization | None = None, roles: tuple[Role, ...] = ()
    ) -> None:
        self.organization = organization or make_organization(session)
        self.key, token = issue_key(
            session,
            SYSTEM,
            organization_id=self.organization.id,
            name="测试",
            scopes=["epcis:read", "epcis:write"],
            roles=roles,
            at=AT,
        )
        session.flush()
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self._client.get(f"/epcis{path}", query_string=query or None, headers=self._headers | (headers or {}))

    def delete(self, path: str) -> Any:
        return self._client.delete(f"/epcis{path}", headers=self._headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/ld+json")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.post(f"/epcis{path}", data=data, content_type=kind, headers=self._headers | named)

    def capture(self, *events: Any, behaviour: str = "rollback", context: Any = CONTEXT) -> dict[str, Any]:
        """Capture a document, let the reaction run, and read the job."""
        document = {
            "@context": context,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
        answer = self.post("/capture", document, GS1_Capture_Error_Behaviour=behaviour)
        assert answer.status_code == 202, answer.get_data(as_text=True)
        deliver_all()
        job: dict[str, Any] = self.get(answer.headers["Location"].removeprefix("/epcis")).get_json()
        return job

    def name(self, name: str, query: dict[str, Any]) -> Any:
        """Keep a query under a name."""
        return self.post("/queries", {"name": name, "query": query}, content_type="application/json")

    def events(self, path: str = "/events", format: str = "Always_GS1_Digital_Link", **query: Any) -> list[dict[str, Any]]:
        answer = self.get(path, {"GS1-EPC-Format": format}, **query)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return events_of(answer)


def events_of(answer: Any) -> list[dict[str, Any]]:
    """The events of a query document."""
    found: list[dict[str, Any]] = answer.get_json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return found


def make_event(number: int = 1, **over: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "epcList": [f"https://id.gs1.org/01/09520123456788/21/{number}"],
        "bizStep": "shipping",
        "disposition": "in_transit",
        "readPoint": {"id": "https://id.gs1.org/414/9521141123454"},
        **over,
    }
