"""``python -m rtengine_cli``."""

from rtengine_cli.main import main

main()
