"""Plain functions that make valid rows, through the acts where there is one."""
