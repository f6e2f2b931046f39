from django.conf import settings
from django.http import JsonResponse
from django.urls import path

guarded = settings.COUNTERFOIL


@guarded("notes:read")
def notes(request):
    return JsonResponse({"subject": request.token.subject})


urlpatterns = [path("notes", notes)]
