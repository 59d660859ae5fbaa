"""rl_games' own PPO agent, to compare with: its training is untouched, its files are left to the run."""

from typing import Any

from igx.rl.rl_games import A2CAgent, mean_list


class StockPpo(A2CAgent):
    """rl_games' continuous PPO agent; only where it writes and what it reports when differ."""

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        if self.is_adaptive_lr:
            self.scheduler.min_lr, self.scheduler.max_lr = self.config["min_lr"], self.config["max_lr"]

    def train_epoch(self) -> tuple[Any, ...]:
        """One rollout, one update; reports the bounds loss, which rl_games does only after an epoch's end."""
        result = super().train_epoch()
        self.writer.add_scalar("losses/bounds_loss", mean_list(result[6]), self.frame)
        return result

    def save(self, fn: str) -> None:
        """Leave checkpoints to the run, which writes them atomically."""
