"""Reviews (评价): what buyers say about boxes they received."""
