"""Where a person works: the portals their roles open, so that every portal shows the way to the others. Pure."""

from __future__ import annotations

from catalog.parties.roles import Actor, Role

BUYERS = (Role.requester, Role.approver, Role.inspector, Role.finance)
WORKPLACE_TEXTS = {
    "/procurement/": "单位采购",
    "/cooperative/": "合作社",
    "/packing/": "打包发货",
    "/documents/": "证书",
    "/county/": "县级核定",
    "/products-admin/": "产品",
    "/backoffice/": "平台后台",
    "/reports/assistance": "报告",
}
OPENED_BY: dict[str, tuple[Role, ...]] = {
    "/procurement/": BUYERS,
    "/cooperative/": (Role.clerk,),
    "/packing/": (Role.packer,),
    "/documents/": (Role.certifier,),
    "/county/": (Role.county_officer,),
    "/products-admin/": (Role.county_officer,),
    "/backoffice/": (Role.operator,),
    "/reports/assistance": (Role.operator, Role.auditor, Role.county_officer),
}


def list_workplaces(actor: Actor) -> list[tuple[str, str]]:
    """(msgid, address) of each portal the actor may open; finance of the platform itself is no buyer."""
    return [
        (WORKPLACE_TEXTS[path], path)
        for path, roles in OPENED_BY.items()
        if any(actor.has(role) for role in roles) and not (path == "/procurement/" and actor.operator)
    ]
