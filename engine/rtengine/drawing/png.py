"""SVG as PNG."""

from __future__ import annotations

from rtengine.errors import RtengineError

ZOOM = 2.0
"""Pixels of the picture for one of the drawing: sharp on any screen."""


def png(svg: str) -> bytes:
    """Raises RtengineError where the renderer is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise RtengineError("a PNG needs a renderer", "pip install 'rtengine[draw]', or take --format svg") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=ZOOM, sans_serif_family="Liberation Sans"))
