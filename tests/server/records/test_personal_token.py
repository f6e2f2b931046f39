from tests.storage.test_personal_tokens import made


def test_it_lives_until_its_end_or_its_expiry():
    token = made(expires_at=100)
    assert token.is_live(99)
    assert not token.is_live(100)
    assert not made(expires_at=100, ended_at=50).is_live(99)


def test_it_does_not_show_its_digest():
    assert repr(made(digest=b"secret")) == "PersonalToken(id='token-1', user_id='ada')"
