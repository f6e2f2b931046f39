"""Addresses among the settings: the issuer's, and those of trusted proxies."""

import ipaddress
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting cannot be used. The text says which, from which source, and why."""


def check_issuer(issuer: str) -> None:
    """Demand an issuer identifier (RFC 8414 §2); plain http is for loopback hosts.

    Raises:
        SettingsError: it cannot be one.
    """
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"issuer {issuer!r} is not a URL.") from None
    if parts.scheme not in {"https", "http"} or not host or "@" in parts.netloc:
        raise SettingsError(f"issuer {issuer!r} must be an https URL with a host.")
    if "?" in issuer or "#" in issuer or issuer.endswith("/"):
        raise SettingsError(
            f"issuer {issuer!r} must have no query, no fragment and no slash at its end."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"issuer {issuer!r} must be https, for plain http is for loopback hosts only. "
            "Set issuer to the address under which everyone reaches the server."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_network(setting: str, network: str) -> None:
    """Demand an address or a network.

    Raises:
        SettingsError: it is none.
    """
    try:
        ipaddress.ip_network(network)
    except ValueError:
        raise SettingsError(f"{setting}: {network!r} is no address or network.") from None
