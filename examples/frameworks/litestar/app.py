from litestar import Litestar, Request, get

from counterfoil.guard import Guard
from counterfoil.guard.litestar import Guarded

guarded = Guarded(Guard("http://localhost:8000", audience="https://notes.example"))


@get("/notes", guards=[guarded("notes:read")])
async def notes(request: Request) -> dict[str, str]:
    return {"subject": request.auth.subject}


app = Litestar([notes], plugins=[guarded], openapi_config=None)
