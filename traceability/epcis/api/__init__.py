"""The REST door of EPCIS 2.0 (section 12), one file a group of resources. Keys of organisations open it; JSON only."""
