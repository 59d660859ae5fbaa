"""Training: agents of rl_games, their settings, checkpoints and the runner."""
