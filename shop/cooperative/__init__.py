"""The cooperative's portal (合作社): what a clerk does on a phone, from a household's delivery to boxes on the hub's shelf."""
