"""The words of each kind of message: subject and text, as msgids. Nothing personal but what the reader gave us themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.errors import Gettext, fill


@dataclass(frozen=True)
class Words:
    """Subject and text of one kind, with %(name)s places."""

    subject: str
    text: str


SIGN_IN_CODE = "sign_in_code"
KINDS: Mapping[str, Words] = {
    SIGN_IN_CODE: Words("验证码 %(code)s", "您的验证码是 %(code)s，%(minutes)s 分钟内有效。不要告诉任何人，我们也不会向您要。"),
    "order_paid": Words("已收到您的付款", "订单 %(order)s 已付款 %(amount)s。我们会尽快安排发货。"),
    "order_paid_ahead": Words(
        "已收到您的付款", "预售订单 %(order)s 已付款 %(amount)s。采收装盒后按付款先后发货，不晚于 %(day)s；收成不够就全额退款。"
    ),
    "order_confirmed": Words("采购订单已确认", "采购订单 %(order)s 已确认，先货后款。供货方正在备货。"),
    "order_shipped": Words("您的订单已发货", "订单 %(order)s 已发货。收到后扫一扫箱上的二维码，就能看到是谁种的、谁养的。"),
    "order_delivered": Words("您的订单已签收", "订单 %(order)s 已签收。如有坏损，请在 48 小时内拍照申请售后。"),
    "order_expired": Words("订单已超时关闭", "订单 %(order)s 没有在规定时间内付款，已经关闭，没有扣款。"),
    "order_expired_part_paid": Words("订单已超时关闭", "订单 %(order)s 没有在规定时间内付清，已经关闭。已付的款项会原路退回。"),
    "order_cancelled": Words("订单已取消", "订单 %(order)s 已取消。已付的款项会原路退回。"),
    "order_served": Words("您预订的收成到了", "订单 %(order)s 预订的货已经采收装盒，已付款的马上安排发货。"),
    "order_harvest_short": Words(
        "预售没有兑现，全额退款", "很抱歉，这一季的收成不够，订单 %(order)s 已取消。已付的款项会全额原路退回。"
    ),
    "order_refunded": Words("退款已办理", "订单 %(order)s 已退款 %(amount)s，按原路退回，到账时间以付款渠道为准。"),
    "case_answered": Words("工单有答复了", "您的工单 %(case)s 有答复了，请到“我的工单”查看。"),
    "approval_asked": Words("有采购申请等您审批", "采购申请 %(request)s 等您审批，金额 %(amount)s。"),
    "approval_given": Words("采购申请已通过", "采购申请 %(request)s 已审批通过，正在下单。"),
    "approval_refused": Words("采购申请被退回", "采购申请 %(request)s 被退回，原因：%(reason)s"),
    "approval_voided": Words(
        "采购申请要重新提交", "采购申请 %(request)s 批准后内容或价格有变化，原审批已作废。现在合计 %(amount)s，请看过后重新提交。"
    ),
    "request_not_ordered": Words(
        "采购申请没能下单", "采购申请 %(request)s 已批准，但没能下单。请打开申请查看原因，处理后再点“下单”。"
    ),
    "goods_to_accept": Words("有货等您验收", "采购申请 %(request)s 的订单 %(order)s 已签收，等您验收。"),
    "recall": Words("召回通知", "您收到的产品 %(product)s（批次 %(lot)s）正在召回，请停止食用并联系我们。订单 %(order)s。"),
}


def words_of(kind: str, params: Mapping[str, object], gettext: Gettext) -> tuple[str, str]:
    """Subject and text in the reader's language."""
    words = KINDS[kind]
    return fill(words.subject, params, gettext), fill(words.text, params, gettext)
