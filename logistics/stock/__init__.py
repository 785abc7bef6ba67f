"""Where sellable units lie and for whom: on hand, held, allocated, dispatched."""
