"""Read what people write for us: YAML, JSON Schemas, prompts."""
