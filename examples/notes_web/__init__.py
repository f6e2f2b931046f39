"""A small web app that signs people in and calls an API for them."""
