"""Products, how they are recognised and listed, and how they are found."""
