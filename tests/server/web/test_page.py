"""What a page is to those who serve it."""

from counterfoil.server.pages.rendering import Pages
from counterfoil.server.web.page import Asset, Page, Renderer


def test_our_pages_are_a_renderer():
    renderer: Renderer = Pages()
    assert all(isinstance(asset, Asset) for asset in renderer.assets.values())
    assert "counterfoil.css" in renderer.assets


def test_a_page_stands_at_the_root_unless_told_otherwise():
    assert Page().prefix == ""
    assert Page(prefix="/auth").prefix == "/auth"
