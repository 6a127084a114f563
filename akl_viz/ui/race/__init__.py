"""The race page: configure a run, watch it live, and come back to it."""
