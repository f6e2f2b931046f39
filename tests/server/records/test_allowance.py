"""What is left of an allowance."""

from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.allowance import Allowance


def test_what_guards_hold_is_not_left():
    marks = Marks("jti", "", "app", 1, "api", 1, "kid")
    times = {"expires_at": 1, "kept_until": 2}
    assert Allowance(name="uses", total=5, marks=marks, subject="ada", taken=3, **times).left == 2
