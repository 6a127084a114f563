"""Browser components: what Python packs for them, and the script, style and markup they are made of."""
