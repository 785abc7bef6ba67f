"""The demo: made-up parties (示例) on real counties and products, made from a seed, with dates relative to the day it is loaded."""
