"""The classics that make igx useful without any plugin."""
