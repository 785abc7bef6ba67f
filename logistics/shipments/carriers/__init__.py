"""One file a carrier or aggregator."""
