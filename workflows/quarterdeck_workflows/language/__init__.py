"""Say what a workflow file may say: its shape, its expressions, its checks."""
