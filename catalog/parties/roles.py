"""Who acts, and as what: roles within organisations, and the actor every act receives. Pure values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from kernel.errors import Forbidden, Term


class Role(enum.StrEnum):
    """What a person may do, mostly within one organisation; ``consumer`` is any signed-in person."""

    consumer = "consumer"
    clerk = "clerk"
    packer = "packer"
    certifier = "certifier"
    county_officer = "county_officer"
    operator = "operator"
    auditor = "auditor"
    requester = "requester"
    approver = "approver"
    finance = "finance"
    inspector = "inspector"


ROLE_LABELS: Mapping[Role, str] = {
    Role.consumer: "消费者",
    Role.clerk: "合作社经办",
    Role.packer: "打包员",
    Role.certifier: "证书登记员",
    Role.county_officer: "县级部门人员",
    Role.operator: "平台运营",
    Role.auditor: "审计员",
    Role.requester: "采购申请人",
    Role.approver: "审批人",
    Role.finance: "财务",
    Role.inspector: "验收人",
}

# They open the platform's back office, where everybody's orders, payments and papers lie; they mean something in its own organisation only.
PLATFORM_ROLES = frozenset({Role.operator, Role.auditor})


@dataclass(frozen=True)
class Actor:
    """The one who acts: a person with roles by organisation id, an API key of an organisation, or the system itself.

    ``operator`` is membership in the platform's own organisation; ``label`` is what audit records keep; a ``guest`` is a person who buys
    without an account.
    """

    person_id: UUID | None
    name: str
    roles: Mapping[UUID, frozenset[Role]] = field(default_factory=dict)
    operator: bool = False
    label: str = ""
    system: bool = False
    guest: bool = False

    @property
    def signed_in(self) -> bool:
        """Whether a person stands behind this actor."""
        return self.person_id is not None

    def has(self, role: Role, organization_id: UUID | None = None) -> bool:
        """Whether the actor has ``role`` in that organisation, or in any when none is given."""
        if self.system:
            return True
        if role is Role.consumer:
            return self.signed_in
        if role is Role.operator:
            return self.operator
        if organization_id is not None:
            return role in self.roles.get(organization_id, frozenset())
        return any(role in held for held in self.roles.values())

    def must(self, role: Role, organization_id: UUID | None = None) -> None:
        """Raises Forbidden unless the actor has ``role`` there."""
        if not self.has(role, organization_id):
            raise Forbidden(
                "您的账号没有“%(role)s”权限，不能这样做。请换账号登录，或请管理员添加权限。", params={"role": _term(role)}
            )

    def must_any(self, roles: Mapping[Role, UUID | None]) -> None:
        """Raises Forbidden unless the actor has one of ``roles`` (each in its organisation, None for any)."""
        if not any(self.has(role, where) for role, where in roles.items()):
            raise Forbidden("您的账号没有做这件事的权限。请换账号登录，或请管理员添加权限。")

    def organizations_with(self, role: Role) -> list[UUID]:
        """The organisations in which the actor has ``role``."""
        return [where for where, held in self.roles.items() if role in held]

    def organization_with(self, role: Role) -> UUID:
        """The first organisation in which the actor has ``role``. Raises Forbidden when there is none."""
        found = self.organizations_with(role)
        if not found:
            raise Forbidden(
                "您的账号没有“%(role)s”权限，不能这样做。请换账号登录，或请管理员添加权限。", params={"role": _term(role)}
            )
        return found[0]


def _term(role: Role) -> Term:
    return Term(ROLE_LABELS[role])


ANONYMOUS = Actor(None, "", label="anonymous")
SYSTEM = Actor(None, "system", operator=True, label="system", system=True)
