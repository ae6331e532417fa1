"""Remember what the team knows, and how good the answers from it were."""
