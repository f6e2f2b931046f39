"""The notices as one process knows them, and those who follow them there."""

from counterfoil.server.hub.hub import Hub

__all__ = ["Hub"]
