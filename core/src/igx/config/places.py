"""Where things are unless a setting says otherwise; light, for commands that read no settings."""

from pathlib import Path

RUNS_DIR = Path("runs")
"""The folder that holds the runs."""

MLFLOW_DIR = "mlflow"
"""The folder beside the runs that MLflow's tracker keeps where no server is named."""
