"""How the handbook is built: Sphinx, MyST and furo; nothing is loaded from elsewhere."""

from importlib.metadata import version as version_of

project = "Counterfoil"
author = "The Counterfoil authors"
copyright = author
release = version = version_of("counterfoil")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"Counterfoil {release}"
html_show_sphinx = False
html_copy_source = False
