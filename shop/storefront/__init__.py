"""The storefront: what a buyer sees, from the first page to the parcel."""
