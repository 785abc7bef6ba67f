"""Consumption assistance (消费帮扶): what reaches the grower, and to which county and eastern partner a sale is counted."""
