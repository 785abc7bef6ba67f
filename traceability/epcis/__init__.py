"""The partners' door: capture and query of EPCIS 2.0 events over REST."""
