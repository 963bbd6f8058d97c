"""What people see: each format is a pure function of the matrix."""
