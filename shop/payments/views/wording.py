"""What the office's pages call things, as msgids."""

from __future__ import annotations

from collections.abc import Mapping

from shop.payments.models import Provider, Verdict

PROVIDER_LABELS: Mapping[Provider, str] = {Provider.STRIPE: "在线支付", Provider.BANK_TRANSFER: "对公转账"}
METHOD_LABELS: Mapping[str, str] = {
    "card": "银行卡",
    "alipay": "支付宝",
    "wechat_pay": "微信支付",
    "bank_transfer": "对公转账",
}
REASON_LABELS: Mapping[str, str] = {
    "cancelled": "订单已取消",
    "expired": "订单已超时关闭",
    "paid_twice": "重复付款或多付",
    "too_late": "付款到得太晚",
    "": "在支付渠道办理",
}
VERDICT_LABELS: Mapping[Verdict, str] = {
    Verdict.EXACT: "已入账，金额相符",
    Verdict.PART: "已入账，金额不足",
    Verdict.OVER: "已入账，多付的会退回",
    Verdict.DOUBLE: "重复付款，会退回",
    Verdict.ASSIGNED: "已人工入账",
    Verdict.UNMATCHED: "没有识别码，请人工核对",
    Verdict.AMBIGUOUS: "有几个识别码，请人工核对",
    Verdict.OTHER_SELLER: "这是付给别家的，请人工核对",
    Verdict.KNOWN: "以前导入过，没有重复入账",
    Verdict.NOT_CREDIT: "不是收入，已跳过",
    Verdict.UNREADABLE: "日期或金额看不懂，没有入账",
}
