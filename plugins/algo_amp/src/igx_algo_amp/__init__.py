"""Adversarial motion priors: policies that move like recorded motions."""
