"""The page behind the QR code on a box: Digital Link, resolver, story, labels, scan records."""
