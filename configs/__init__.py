"""Configs: one frozen model per flow, the YAML files that ship, and the schemas of the report tables."""
