"""YAML files that people edit: positions, findings with a caret and a hint, and the checks every file shares."""
