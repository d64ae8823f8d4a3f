"""What people use today, in full and as they write it."""
