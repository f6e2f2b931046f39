"""Keys, signatures, encryption and JSON Web Tokens: the one door to joserfc and cryptography.

Lowest floor: no input or output, no clock, no chance except in making keys.
RFC 7515 (JWS), 7516 (JWE), 7517 (JWK), 7518 (algorithms), 7519 (JWT), 7638, 8037, 8725 and 9964.
"""
