"""Describe a workflow file as it is written; `config/schema/workflow.json` is made of this."""
