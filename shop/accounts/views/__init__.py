"""The doors of accounts: in and out, one's account, one's addresses; and who is asking, for every other door."""
