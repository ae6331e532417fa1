"""Give the process what every wing stands on: settings, secrets, clock, tasks, workers, egress, durable runs."""
