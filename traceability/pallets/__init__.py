"""Cases and pallets (箱、托盘): what stands between a box and a parcel, each with a Serial Shipping Container Code."""
