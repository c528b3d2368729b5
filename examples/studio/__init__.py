"""Models, materials and light for the example pictures: what `render.py` puts into its scenes."""
