"""Parcels from the packing table to the buyer's door: packing, carriers, movements."""
