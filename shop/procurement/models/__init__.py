"""The tables of procurement: budgets, requests with their approvals, and what follows an order."""
