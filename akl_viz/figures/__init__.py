"""Records drawn as plotly figures; nothing is computed here but geometry."""
