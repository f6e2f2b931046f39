from starlette.applications import Starlette
from starlette.responses import JSONResponse

from counterfoil.guard import Guard
from counterfoil.guard.starlette import Guarded

app = Starlette()
guarded = Guarded(app, Guard("http://localhost:8000", audience="https://notes.example"))


@guarded("notes:read")
async def notes(request):
    return JSONResponse({"subject": request.state.token.subject})


app.add_route("/notes", notes)
