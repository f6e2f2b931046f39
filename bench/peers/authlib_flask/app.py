"""Authlib on Flask and SQLAlchemy, after Authlib's own guide, as a careful owner would run it.

``PEER_SETUP`` names the file that says what there is.
"""

import json
import os
import secrets
import time
from pathlib import Path

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, request, session
from joserfc.jwk import ECKey
from sqlalchemy import Column, Index, Integer, String, create_engine, delete, event, update
from sqlalchemy.orm import declarative_base, scoped_session, sessionmaker

SETUP = json.loads(Path(os.environ["PEER_SETUP"]).read_text())
ISSUER = f"http://127.0.0.1:{SETUP['port']}"
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "first"})
THREADS = 4
Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    email = Column(String(200), unique=True)

    def get_user_id(self):
        return self.id


class Client(Base, OAuth2ClientMixin):
    __tablename__ = "clients"
    __table_args__ = (Index("clients_by_id", "client_id", unique=True),)
    id = Column(Integer, primary_key=True)

    @property
    def id_token_signed_response_alg(self):
        return "ES256"


class Code(Base, OAuth2AuthorizationCodeMixin):
    __tablename__ = "codes"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer)


class Token(Base, OAuth2TokenMixin):
    __tablename__ = "tokens"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer)
    access_token = Column(String(255), unique=True)  # a JWT needs no row: its refresh token does


def _engine():
    if place := SETUP["postgres"]:
        url = f"postgresql+psycopg://{place['user']}@/{place['database']}?host={place['folder']}"
        return create_engine(url, pool_size=THREADS)
    engine = create_engine(f"sqlite:///{SETUP['sqlite']}", connect_args={"timeout": 20})

    @event.listens_for(engine, "connect")
    def _set(connection, _):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {SETUP['synchronous']}")

    return engine


engine = _engine()
db = scoped_session(sessionmaker(engine, expire_on_commit=False))


def _populate():
    Base.metadata.create_all(engine)
    made = [User(id=1, email=SETUP["email"])]
    for name in ("service", "opaque", "app"):
        client = Client(client_id=SETUP[name]["client_id"], client_secret=SETUP[name]["secret"])
        user = name == "app"
        client.set_client_metadata(
            {
                "grant_types": ["authorization_code", "refresh_token"]
                if user
                else ["client_credentials"],
                "response_types": ["code"] if user else [],
                "redirect_uris": [SETUP["callback"]] if user else [],
                "scope": f"openid {SETUP['scope']}",
                "token_endpoint_auth_method": "client_secret_basic",
            }
        )
        made.append(client)
    db.add_all(made)
    db.commit()
    db.remove()


class Basic:
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)


class ClientCredentials(Basic, grants.ClientCredentialsGrant):
    pass


class AuthorizationCode(Basic, grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        payload = request.payload
        db.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=payload.redirect_uri,
                scope=payload.scope,
                user_id=request.user.id,
                code_challenge=payload.data.get("code_challenge"),
                code_challenge_method=payload.data.get("code_challenge_method"),
            )
        )
        db.commit()

    def query_authorization_code(self, code, client):
        found = db.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        spent = db.execute(delete(Code).where(Code.id == authorization_code.id)).rowcount
        _commit_if(spent)

    def authenticate_user(self, authorization_code):
        return db.get(User, authorization_code.user_id)


class RefreshToken(Basic, grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        found = db.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token):
        return db.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        fresh = (Token.id == refresh_token.id) & (Token.refresh_token_revoked_at == 0)
        spent = update(Token).where(fresh).values(refresh_token_revoked_at=int(time.time()))
        _commit_if(db.execute(spent).rowcount)


def _commit_if(spent):
    """The new token and the end of the old code or token are one commit."""
    if spent != 1:
        db.rollback()
        raise RuntimeError("it was spent meanwhile")
    db.commit()


class IdToken(OpenIDCode):
    def resolve_client_private_key(self, client):
        return KEY

    def get_client_claims(self, client):
        return {"iss": ISSUER, "aud": [client.client_id]}

    def exists_nonce(self, nonce, request):
        found = db.query(Code).filter_by(client_id=request.payload.client_id, nonce=nonce)
        return found.first() is not None

    def generate_user_info(self, user, scope):
        return {"sub": str(user.id)}


class Jwt(JWTBearerTokenGenerator):
    def get_jwks(self):
        return KEY

    def get_audiences(self, client, user, scope):
        return SETUP["audience"]


class Introspection(Basic, IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = ("client_secret_basic",)

    def query_token(self, token, token_type_hint):
        return db.query(Token).filter_by(access_token=token).first()

    def check_permission(self, token, client, request):
        return True

    def introspect_token(self, token):
        if token.is_expired() or token.is_revoked():
            return {"active": False}
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.scope,
            "sub": str(token.user_id or token.client_id),
            "iss": ISSUER,
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }


def query_client(client_id):
    return db.query(Client).filter_by(client_id=client_id).first()


def save_token(token, request):
    stored = {k: v for k, v in token.items() if k not in {"access_token", "id_token"}}
    if request.client.client_id == SETUP["opaque"]["client_id"]:
        stored["access_token"] = token["access_token"]
    elif "refresh_token" not in token:
        return
    user_id = request.user.id if request.user else None
    db.add(Token(client_id=request.client.client_id, user_id=user_id, **stored))
    if request.payload.grant_type == "client_credentials":
        db.commit()


def _random(*_, **__):
    return secrets.token_urlsafe(32)


JWT = Jwt(ISSUER, "ES256", refresh_token_generator=_random)
OPAQUE = BearerTokenGenerator(_random)


def generate(**details):
    is_opaque = details["client"].client_id == SETUP["opaque"]["client_id"]
    return (OPAQUE if is_opaque else JWT)(**details)


_populate()
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # there is no TLS in this comparison
app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
server = AuthorizationServer(app, query_client=query_client, save_token=save_token)
server.register_token_generator("default", generate)
server.register_grant(ClientCredentials)
server.register_grant(AuthorizationCode, [CodeChallenge(required=True), IdToken()])
server.register_grant(RefreshToken)
server.register_endpoint(Introspection)


@app.get("/ready")
def ready():
    return "ready"


@app.get("/sign-in")
def sign_in():
    """Whoever comes is let in: an owner's own page, which is not measured."""
    session["user"] = db.query(User).filter_by(email=SETUP["email"]).one().id
    return "signed in"


@app.get("/authorize")
def authorize():
    user = db.get(User, session["user"])
    grant = server.get_consent_grant(end_user=user)
    return server.create_authorization_response(request=request, grant_user=user, grant=grant)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response("introspection")


@app.teardown_appcontext
def release(_):
    db.remove()
