"""Flows: the order of the tasks, one flow a file."""
