"""Connect language models: providers as data, few wire formats, one registry that answers for a role."""
