"""Run workflows: one walk over their steps, in durable runs, in tests and nowhere else."""
