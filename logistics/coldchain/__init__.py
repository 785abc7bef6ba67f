"""Temperatures of cold goods: loggers, readings, excursions (GB 31605-2020, GB/T 24616-2019)."""
