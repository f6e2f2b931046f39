"""Pages for people: sign-in, consent, my account; server-rendered, without scripts."""
