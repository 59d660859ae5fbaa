"""Walking and running tasks for igx; `plugin.py` says what is offered, each task has a file of its own."""
