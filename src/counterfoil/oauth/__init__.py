"""The words and rules of OAuth 2.1 and OpenID Connect: no input or output, no clock, no chance."""
