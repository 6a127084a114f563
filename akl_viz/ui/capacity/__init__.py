"""The page learn/capacity: a student too small for its teacher, by loss and rank."""
