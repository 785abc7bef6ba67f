"""Administrative areas, supported-area lists, pairings, reserve shares: all with validity periods."""
