"""The shop floor: who buys, who pays, who approves, who benefits; the top floor."""
