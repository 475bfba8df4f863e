"""Statecharts as data: a YAML machine file is checked, compiled to plans through `transitions`, and run as instances.

Two rules stand above everything here. Every change of state is a row in a machine file. A row names guards and actions;
it holds no code.
"""
