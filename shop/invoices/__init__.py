"""Invoice requests (开票申请): the buyer asks, the seller issues in the tax system, we keep what came of it.

This room issues no invoice itself.
"""
