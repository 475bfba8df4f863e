"""Drawings of machines: a graph, its layout, and its picture."""
