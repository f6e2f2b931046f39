"""The guard in Django REST framework: permissions for views, the token in ``request.auth``."""

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from counterfoil.guard.declared import Declared, declare, declare_open
from counterfoil.guard.demands import Demand, Demands, demands_of
from counterfoil.guard.django import Guarded as DjangoGuarded
from counterfoil.guard.django import guarded_in_settings
from counterfoil.guard.token import Token
from counterfoil.oauth.limits import Act

View = TypeVar("View", bound=Callable[..., Any])


class Subject:
    """Whom a token speaks for, as ``request.user``. It is a row of no database."""

    is_authenticated: Final = True
    is_anonymous: Final = False
    is_active: Final = True

    def __init__(self, token: Token) -> None:
        self.pk = self.id = self.username = token.subject

    def __str__(self) -> str:
        return self.username


class Guarded:
    """Guards the views of Django REST framework, beside the middleware of ``guard.django``::

        guarded = Guarded(settings.COUNTERFOIL)

        class Notes(APIView):
            permission_classes = [guarded("notes:read")]

            def get(self, request):
                return Response({"subject": request.auth.subject})

    Args:
        guarded: what guards the project. It knows the open paths.
    """

    def __init__(self, guarded: DjangoGuarded) -> None:
        self._guarded = guarded

    def __call__(self, *said: str | Demand) -> type[BasePermission]:
        """Declare what a view demands, as a permission: scopes, and values such as ``MaxAge(60)``.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)
        members = {"guarded": self._guarded, "demands": demands, "__doc__": _Permission.__doc__}
        return declare(type("Permission", (_Permission,), members), Declared(demands))

    def open(self, view: View) -> View:
        """Declare that a view needs no token; written above a class, it declares the class."""
        return declare_open(view)

    def open_paths(self, *paths: str) -> None:
        """Declare open what others made, as `counterfoil.guard.django.Guarded.open_paths`."""
        self._guarded.open_paths(*paths)

    def spend_blocking(self, token: Token, act: Act, key: str = "") -> None:
        """Count a transaction, as `counterfoil.guard.django.Guarded.spend_blocking`."""
        self._guarded.spend_blocking(token, act, key)

    def verify(self) -> None:
        """Demand that every route of the project declares something."""
        self._guarded.verify()


class TokenAuthentication(BaseAuthentication):  # type: ignore[misc]  # it says nothing of its types
    """Makes the token known as ``request.auth`` before permissions are asked.

    For ``DEFAULT_AUTHENTICATION_CLASSES``, where throttling or other permissions want to know who
    calls. By itself it demands that the token stands, and what the view's permissions demand.
    """

    def authenticate(self, request: Any) -> tuple[Subject, Token] | None:
        """Give whom the token speaks for; ``None`` where the request carries none.

        Raises:
            Rejected: with the reason why it does not stand.
        """
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        demands = _demands_on((request.parser_context or {}).get("view"))
        token = guarded_in_settings().admit_blocking(request._request, demands)
        return Subject(token), token

    def authenticate_header(self, request: Any) -> str:
        """Have a permission's "no" answered with 401, where nobody has introduced himself."""
        return "Bearer"


class _Permission(BasePermission):  # type: ignore[misc]  # it says nothing of its types
    """Demands a token that stands, and is enough for this view."""

    guarded: ClassVar[DjangoGuarded]
    demands: ClassVar[Demands]

    def has_permission(self, request: Any, view: object) -> bool:
        """Let the request pass.

        Raises:
            Rejected: with the reason why not.
        """
        token = self.guarded.admit_blocking(request._request, self.demands)
        request.user, request.auth = Subject(token), token
        return True


def _demands_on(view: object) -> Demands:
    """What the view will demand: so that the first refusal names every scope that is needed."""
    permissions = getattr(view, "permission_classes", ())
    guarding = [
        each for each in permissions if isinstance(each, type) and issubclass(each, _Permission)
    ]
    return tuple(demand for each in guarding for demand in each.demands)
