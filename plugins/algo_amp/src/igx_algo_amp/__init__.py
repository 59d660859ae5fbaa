"""Adversarial motion priors for igx; `plugin.py` says what is offered, each part has a file of its own."""
