"""The food illustrations, ours, in one style: `python -m tools.food` draws them into kernel/static/food."""

from tools.food import fruit, garden, grain, meat, pantry

PICTURES = {**fruit.PICTURES, **garden.PICTURES, **grain.PICTURES, **meat.PICTURES, **pantry.PICTURES}
