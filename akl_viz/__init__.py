"""AKL Viz: an open laboratory for KL divergences in the distillation of language models."""

__version__ = "0.1.0"
