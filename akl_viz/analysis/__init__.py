"""Token traces of a teacher and a student, and statistics over them."""
