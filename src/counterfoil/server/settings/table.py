"""The table of settings: each with its type, its bounds, what it is for, and its default."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Struct
from msgspec.structs import fields, force_setattr

from counterfoil.oauth.opaque import Secret
from counterfoil.server.settings.addresses import SettingsError, check_issuer, check_network
from counterfoil.server.settings.carrying import Carrying
from counterfoil.server.settings.choices import unsaid_of
from counterfoil.server.settings.database import DatabaseUrl
from counterfoil.server.settings.mailing import check_mail
from counterfoil.server.settings.meaning import DAY, MINUTE, number, seconds, words

PREFIX: Final = "COUNTERFOIL_"


class Settings(Carrying, frozen=True, kw_only=True):
    """The table: each setting with its type, what it is for, and its default.

    Defaults with a name in braces are filled in from that setting.

    Raises:
        SettingsError: a value does not fit the others.
    """

    data: Annotated[Path, words("Directory of the database and the keys.")] = Path("data")
    database: Annotated[
        DatabaseUrl | None,
        words(
            "Where a PostgreSQL database is, as `postgresql://user:password@host/database`; any "
            "number of servers may share it. Without it everything is kept in a file of SQLite in "
            "the data directory."
        ),
    ] = None
    database_connections: Annotated[
        int,
        number(
            "Connections to PostgreSQL at most that each process lends to its requests; it has two "
            "more for itself.",
            2,
            1000,
        ),
    ] = 10
    host: Annotated[str, words("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, number("Port to listen on.", 0, 65535)] = 8000
    issuer: Annotated[
        str,
        words(
            "The issuer identifier (RFC 8414 §2): the address under which everyone reaches the "
            "server. `https`, without a slash at its end. Plain `http` is for loopback hosts and "
            "puts the server into development."
        ),
    ] = "http://{host}:{port}"
    workers: Annotated[int, number("Server processes.", 1, 64)] = 1
    trusted_proxies: Annotated[
        tuple[str, ...],
        words("Addresses or networks of proxies whose `X-Forwarded-…` headers are believed."),
    ] = ()
    master_key_file: Annotated[
        Path,
        words(
            "File of the master key, which seals all other keys. It is made on the first start. "
            "Keep a copy, apart from the copies of the database."
        ),
    ] = Path("{data}/master.key")
    master_key: Annotated[
        Secret | None,
        words(
            "The master key itself, 32 bytes in base64url, instead of its file. It is read from "
            "the environment only. Of several, apart by spaces, the first seals and all open."
        ),
    ] = None
    master_key_command: Annotated[
        str,
        words(
            "A command that prints the master key, instead of its file: a store of secrets, or a "
            "key service. It is run without a shell, at the start and whenever a key is sealed."
        ),
    ] = ""
    signing_algorithm: Annotated[
        Literal["ES256", "EdDSA", "PS256", "RS256"], words("Algorithm of new signing keys.")
    ] = "ES256"
    access_token_lifetime: Annotated[
        int, seconds("Lifetime of an access token, unless its API says otherwise.", 1, 30 * DAY)
    ] = 60 * MINUTE
    id_token_lifetime: Annotated[int, seconds("Lifetime of an ID token.", 1, 30 * DAY)] = (
        60 * MINUTE
    )
    token_bytes: Annotated[
        int,
        number(
            "The size budget of an access token, unless its API says otherwise. What is longer is "
            "logged, shown on the page of its API and said in the answer; or it becomes a "
            "reference token, where the API's policy says so (`over_budget`). 0: no budget.",
            0,
            16_384,
            "bytes",
        ),
    ] = 1_400
    sensitive_claims: Annotated[
        tuple[str, ...],
        words(
            "Claims that no token may hold which can be read by whoever holds it, beside those "
            "about a person, of which none may."
        ),
    ] = ()
    code_lifetime: Annotated[int, seconds("Lifetime of an authorization code.", 1, 10 * MINUTE)] = (
        MINUTE
    )
    pending_lifetime: Annotated[
        int,
        seconds("How long a person may take from the app's request to their answer.", MINUTE, DAY),
    ] = 60 * MINUTE
    refresh_idle_lifetime: Annotated[
        int,
        seconds(
            "A refresh token that is not used for so long expires, where access ends with the "
            "person's session."
        ),
    ] = 30 * DAY
    refresh_absolute_lifetime: Annotated[
        int,
        seconds(
            "A person signs in anew after so long, however often an app refreshed, where access "
            "ends with their session."
        ),
    ] = 180 * DAY
    offline_idle_lifetime: Annotated[
        int,
        seconds(
            "A refresh token that is not used for so long expires, where access goes on while the "
            "person is away (`offline_access`)."
        ),
    ] = 90 * DAY
    offline_absolute_lifetime: Annotated[
        int,
        seconds(
            "Access that goes on while the person is away ends so long after they signed in for it."
        ),
    ] = 365 * DAY
    refresh_window: Annotated[
        int,
        seconds(
            "A refresh token that is shown again within so long, its successor unused, is taken "
            "for a lost answer and not for a theft.",
            0,
            5 * MINUTE,
        ),
    ] = 10
    reproof_interval: Annotated[
        int,
        seconds(
            "Everyone signs in anew after so long, whatever they use; 0: never. A client may ask "
            "for it more often, not more seldom.",
            0,
        ),
    ] = 0
    session_style: Annotated[
        Literal["sliding", "persistent", "session"],
        words(
            "How a browser stays signed in: until it was not used for a while (`sliding`), until "
            "a fixed hour whether it is used or not (`persistent`), or until it is closed "
            "(`session`)."
        ),
    ] = "sliding"
    session_choice: Annotated[
        bool,
        words(
            "Whether people are asked, when they sign in, to stay signed in. Who does not tick "
            "that is signed out when the browser is closed."
        ),
    ] = True
    dpop_nonces: Annotated[
        Literal["off", "required"],
        words(
            "Whether DPoP proofs must carry a nonce of this server (RFC 9449 §8). `required` shuts "
            "out proofs that were made in stock, for one more round trip now and then."
        ),
    ] = "off"
    session_lifetime: Annotated[int, seconds("A browser is signed out after so long.")] = 30 * DAY
    session_idle_lifetime: Annotated[
        int,
        seconds("A browser that is not used for so long is signed out; not a `persistent` one."),
    ] = 7 * DAY
    key_rotation_interval: Annotated[
        int, seconds("How long a signing key signs before the next takes over.")
    ] = 30 * DAY
    key_publish_ahead: Annotated[
        int, seconds("How long a signing key is published before it signs.")
    ] = DAY
    jwks_max_age: Annotated[int, seconds("How long others may cache the published keys.", 0)] = (
        5 * MINUTE
    )
    status_list_ttl: Annotated[
        int, seconds("How long verifiers may keep a status list before they ask again.", 1, DAY)
    ] = MINUTE
    head_interval_ms: Annotated[
        int,
        number("How often the head of the notices feed is signed.", 50, 2_000, "milliseconds"),
    ] = 1000
    followers_most: Annotated[
        int, number("Guards that may follow the notices at one process at once.", 1)
    ] = 10_000
    followers_per_address: Annotated[
        int,
        number(
            "Guards of one address that may follow the notices at one process at once. An IPv6 "
            "network of 64 bits counts as one address.",
            1,
        ),
    ] = 50
    sign_in_tries: Annotated[
        int, number("Wrong passwords after which an account is locked for a while.", 1, 100)
    ] = 5
    sign_in_lock: Annotated[
        int, seconds("The first lock of an account; each further wrong password doubles it.")
    ] = 10
    sign_in_lock_most: Annotated[int, seconds("The longest lock of an account.", 1, DAY)] = (
        5 * MINUTE
    )
    sign_in_rate_per_minute: Annotated[
        int, number("Tries to sign in from one address.", 1, None, "a minute")
    ] = 30
    token_failures_per_minute: Annotated[
        int, number("Failed authentications of clients from one address.", 1, None, "a minute")
    ] = 60
    password_threads: Annotated[
        int, number("Threads of each process that hash passwords.", 1, 64)
    ] = 2
    sweep_interval: Annotated[
        int, seconds("How often keys are looked after and what has expired is removed.")
    ] = MINUTE
    audit_segment_lines: Annotated[
        int, number("Lines after which a segment of the audit log is closed.", 10, 100_000)
    ] = 10_000
    audit_segment_age: Annotated[
        int, seconds("A segment of the audit log is closed when its oldest line is so old.")
    ] = DAY
    audit_export_dir: Annotated[
        Path | None,
        words(
            "Directory to which closed segments of the audit log are written, one file each. "
            "Without it nothing is written unattended."
        ),
    ] = None
    audit_retention: Annotated[
        int,
        seconds(
            "Lines of the audit log stay in the database for so long at least. Then they go, if "
            "their segment was exported."
        ),
    ] = 400 * DAY
    audit_drop_unexported: Annotated[
        bool,
        words(
            "Let old lines of the audit log go although their segment was never exported. "
            "Otherwise they stay."
        ),
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], words("The least that is logged.")
    ] = "info"

    def __post_init__(self) -> None:
        if self.issuer == "http://{host}:{port}":
            host = f"[{self.host}]" if ":" in self.host else self.host
            force_setattr(self, "issuer", f"http://{host}:{self.port}")
        if self.master_key_file == Path("{data}/master.key"):
            force_setattr(self, "master_key_file", self.data / "master.key")
        if self.master_key is not None and self.master_key_command:
            raise SettingsError("master_key and master_key_command are both set; use one.")
        check_issuer(self.issuer)
        for setting in ("trusted_proxies", "backchannel_logout_networks", "provider_networks"):
            for network in getattr(self, setting):
                check_network(setting, network)
        check_mail(self)
        if self.mailed_codes and not (self.mail_host or self.development):
            raise SettingsError("mailed_codes is set, but not mail_host: no code could be sent.")
        _check_order(self)

    @property
    def development(self) -> bool:
        """Whether the issuer is plain http, and so on a loopback host."""
        return self.issuer.startswith("http://")

    @property
    def master_key_in_file(self) -> bool:
        """Whether the master key comes from its file."""
        return self.master_key is None and not self.master_key_command

    @property
    def longest_lifetime(self) -> int:
        """How long a signed token lives at most, in seconds, where no API says otherwise."""
        return max(self.access_token_lifetime, self.id_token_lifetime, self.status_list_lifetime)

    @property
    def status_list_lifetime(self) -> int:
        """How long a signed status list lives, in seconds: a cache may keep it, then a verifier."""
        return 2 * self.status_list_ttl


def _check_order(settings: Settings) -> None:
    for less, more, equal in (
        ("jwks_max_age", "key_publish_ahead", False),
        ("key_publish_ahead", "key_rotation_interval", False),
        ("refresh_idle_lifetime", "refresh_absolute_lifetime", True),
        ("offline_idle_lifetime", "offline_absolute_lifetime", True),
        ("session_idle_lifetime", "session_lifetime", True),
        ("sign_in_lock", "sign_in_lock_most", True),
    ):
        smaller, greater = getattr(settings, less), getattr(settings, more)
        if greater < smaller or (greater == smaller and not equal):
            raise SettingsError(
                f"{more} ({greater}) must be {'at least' if equal else 'more than'} "
                f"{less} ({smaller})."
            )


class Setting(Struct, frozen=True):
    """One row of the table, as it is shown. ``unit`` is empty for words."""

    name: str
    type: object
    default: object
    help: str
    unit: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


def _rows() -> Iterable[Setting]:
    last = {field.name for field in fields(Carrying)}
    for field in sorted(fields(Settings), key=lambda field: field.name in last):
        meta = field.type.__metadata__[0]
        unit = (meta.extra or {}).get("unit", "")
        says = meta.description + unsaid_of(field.type, meta.description)
        yield Setting(field.name, field.type, field.default, says, unit)


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType({row.name: row for row in _rows()})
