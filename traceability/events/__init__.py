"""What happened, as EPCIS 2.0 events: rows that are never changed, each promised to the ledger in the same transaction."""
