"""Beside the trainers of others: losses for them, and a callback that watches them."""
