"""Words of procurement that stand in rows as keys."""

from __future__ import annotations

from catalog.parties.models import Role

# What happened to a request, by the key its history keeps.
ACT_LABELS = {
    "created": "建立申请",
    "changed": "修改内容",
    "imported": "导入名单",
    "submitted": "提交审批",
    "withdrawn": "撤回申请",
    "approved": "审批同意",
    "refused": "退回申请",
    "voided": "内容有变，审批作废",
    "ordered": "已下单",
    "not_ordered": "没能下单",
    "order_closed": "订单取消",
    "accepted": "验收",
    "invoice_asked": "申请开票",
    "transfer_started": "取得汇款附言码",
    "paid": "货款到账",
    "cancelled": "取消申请",
}

# Who decides a step.
STEP_LABELS = {Role.approver: "审批人审批", Role.finance: "财务审批"}

CHANNEL_TEXTS = {
    "none": "本平台采购额，不计入832平台统计",
    "recognised": "已登记认可渠道：%(name)s（依据：%(source)s）",
}
