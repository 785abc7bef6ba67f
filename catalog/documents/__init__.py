"""Licences, certificates, commitment certificates (承诺达标合格证), and what they gate."""
