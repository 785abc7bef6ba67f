"""Payments (支付): money asked for, captured and given back, through one small interface to each provider."""
