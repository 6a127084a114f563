"""Streamlit: widgets, components, cache doors and the page catalog."""
