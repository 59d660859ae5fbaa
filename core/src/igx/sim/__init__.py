"""Scenes and the engines that simulate them."""
