"""The page learn/gaussian: a Gaussian student fitted to a mixture that is dragged by hand."""
