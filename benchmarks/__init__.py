"""The measurements behind the printed claims: one file per claim, results as CSV."""
