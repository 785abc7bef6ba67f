"""Procurement (采购): organisations buy by their own rules — budget, approval, acceptance, settlement (docs/procurement.md)."""
