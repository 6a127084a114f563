"""The page learn/proof: why zero gradient means p = q, and what that proof leaves out."""
