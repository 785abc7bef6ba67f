"""The story of one box, told over HTTP against the running system: each step a page, each page a person with a login of their own."""
