"""The kernel: value types, database, outbox, web and task plumbing. Knows no business word and imports nothing of ours."""
