"""A local server that speaks Stripe's API: the demo and the tests pay here, over HTTP, with the real SDK.

Run it as its own process: `python -m shop.payments.twin --port N --state FILE --key sk_test_… …`.
No money moves. Its request contract is the pinned SDK's own parameter types (`contract.py`); what it
does not do, it refuses by name, so nothing passes here that Stripe would read differently.
It speaks CNY, mode `payment`, and the methods card, alipay and wechat_pay; Stripe's minimum amount
(the equivalent of US$0.50) is not enforced.

    app ── api (/v1) ── intents sessions refunds disputes events ── contract, objects, store
        ├─ pages (/pay, /authorize: what the buyer sees)
        └─ control (/_twin: what tests do to a provider: faults, late webhooks, refunds made there)
    courier (threads): signed webhooks with retries, expiring sessions, settling wallet refunds
"""
