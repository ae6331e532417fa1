"""Tell the operator what happens, and nobody a secret: logs, metrics, traces, redaction."""
