"""The doors of the storefront: shelves, one product, checkout, orders, the operator's own pages."""
