"""The page learn/divergences: two distributions over a few tokens, dragged by hand and compared by every divergence."""
