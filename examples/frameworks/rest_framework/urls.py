from django.conf import settings
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from counterfoil.guard.rest_framework import Guarded

guarded = Guarded(settings.COUNTERFOIL)


class Notes(APIView):
    permission_classes = (guarded("notes:read"),)

    def get(self, request):
        return Response({"subject": request.auth.subject})


urlpatterns = [path("notes", Notes.as_view())]
