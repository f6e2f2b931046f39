"""The authorization server: OAuth 2.1, OpenID Connect, sign-in, consent and account pages."""
