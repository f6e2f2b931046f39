from flask import Flask, g

from counterfoil.guard import Guard
from counterfoil.guard.flask import Guarded

app = Flask(__name__, static_folder=None)
guarded = Guarded(app, Guard("http://localhost:8000", audience="https://notes.example"))


@app.get("/notes")
@guarded("notes:read")
def notes():
    return {"subject": g.token.subject}


guarded.verify(app)
