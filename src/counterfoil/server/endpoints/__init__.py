"""Handlers for machines: they read HTTP, call the protocol, and write HTTP."""
