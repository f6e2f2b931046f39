"""Every module of the source has a test module of its own, or the suite that is named here."""

from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "counterfoil"

# The storage is shown by one suite for every engine, by promise and not by file; a noun's
# documents and parts of the command line by the test module of the noun.
ELSEWHERE = MappingProxyType(
    {
        "jose/joserfc_keys.py": "jose/test_jwk.py",
        "guard/reply.py": "guard/test_manners.py",
        "guard/judgement.py": "guard/test_guard.py",
        "guard/ticket_issuing.py": "attacks/test_tickets.py",
        "guard/tickets.py": "attacks/test_tickets.py",
        "oauth/ticket.py": "attacks/test_tickets.py",
        "oauth/signed_ticket.py": "attacks/test_signed_tickets.py",
        "guard/signed_tickets.py": "attacks/test_signed_tickets.py",
        "server/protocol/ticket_requests.py": "attacks/test_signed_tickets.py",
        "oauth/delegation.py": "flows/test_token_exchange.py",
        "server/protocol/actor_naming.py": "attacks/test_token_exchange.py",
        "server/protocol/exchange_rights.py": "attacks/test_token_exchange.py",
        "server/protocol/exchanged_tokens.py": "attacks/test_token_exchange.py",
        "server/protocol/grant_types/token_exchange.py": "attacks/test_token_exchange.py",
        "server/pages/account_routes.py": "server/test_app.py",
        "server/pages/account_views.py": "server/pages/test_rendering.py",
        "server/records/exchange_right.py": "storage/test_clients_and_apis.py",
        "server/endpoints/routes.py": "server/test_app.py",
        "server/pages/routes.py": "server/test_app.py",
        "guard/status_line.py": "guard/test_status_lists.py",
        "guard/watch.py": "guard/test_health.py",
        "guard/web.py": "guard/test_manners.py",
        "guard/verification.py": "guard/test_guard.py",
        "guard/django.py": "frameworks/test_conformance.py",
        "guard/flask.py": "frameworks/test_conformance.py",
        "guard/litestar.py": "frameworks/test_conformance.py",
        "guard/rest_framework.py": "frameworks/test_conformance.py",
        "guard/starlette.py": "frameworks/test_conformance.py",
        "server/protocol/explaining/claims.py": "server/protocol/test_explain.py",
        "server/protocol/explaining/endings.py": "server/protocol/test_explain.py",
        "server/protocol/explaining/explanation.py": "server/protocol/test_explain.py",
        "server/protocol/explaining/history.py": "server/protocol/test_explain.py",
        "server/moving.py": "attacks/test_moving.py",
        "server/records/beginnings.py": "storage/test_beginnings.py",
        "server/records/failures.py": "storage/test_transactions.py",
        "server/records/fence.py": "storage/test_fence.py",
        "server/records/guards.py": "storage/test_guards.py",
        "server/records/listing.py": "storage/test_lists.py",
        "server/storage/bounded_queue.py": "storage/test_bounded_queue.py",
        "server/storage/coalesced.py": "storage/test_coalesced.py",
        "server/storage/connection.py": "storage/test_transactions.py",
        "server/storage/dialect.py": "storage/test_dialect.py",
        "server/storage/earlier_events.py": "storage/test_audit.py",
        "server/storage/group_commit.py": "storage/test_group_commit.py",
        "server/storage/places.py": "storage/test_places.py",
        "server/records/server_process.py": "storage/test_migrations.py",
        "server/records/steadiness.py": "server/test_janitor.py",
        "server/storage/migration.py": "storage/test_migrations.py",
        "server/storage/sqlite_schema.py": "storage/test_migrations.py",
        "server/storage/statements/allowances.py": "storage/test_allowances.py",
        "server/storage/statements/server_processes.py": "storage/test_migrations.py",
        "cli/client_members.py": "cli/test_client.py",
        "cli/token_minting.py": "cli/test_mint_rights.py",
        "server/documents/mint_rights.py": "cli/test_mint_rights.py",
        "server/pages/made_for.py": "flows/test_mint.py",
        "server/storage/statements/mint_rights.py": "storage/test_mint_rights.py",
        "cli/client_proofs.py": "cli/test_client.py",
        "server/pages/recovery_views.py": "server/pages/test_rendering.py",
        "server/pages/permissions.py": "server/pages/test_consent.py",
        "server/protocol/codes.py": "attacks/test_stolen_codes.py",
        "server/protocol/device_approval.py": "specs/test_rfc8628.py",
        "server/records/device_request.py": "storage/test_device_requests.py",
        "server/settings/personal_tokens.py": "server/settings/test_reading.py",
        "server/settings/devices.py": "server/settings/test_reading.py",
        "server/storage/statements/device_requests.py": "storage/test_device_requests.py",
        "server/documents/encryption_keys.py": "cli/test_api_keys.py",
        "cli/schema_documents.py": "cli/test_database_schema.py",
        "server/storage/postgres.py": "storage/test_postgres.py",
        "server/storage/postgres_connection.py": "storage/test_postgres.py",
        "server/storage/postgres_foreseeing.py": "storage/test_postgres_foreseeing.py",
        "server/storage/moving/backup.py": "storage/test_backup.py",
        "server/storage/moving/copying.py": "storage/test_copying.py",
        "server/storage/moving/ends.py": "storage/test_copying.py",
        "server/storage/moving/files.py": "storage/test_backup.py",
        "server/storage/moving/loading.py": "storage/test_backup.py",
        "server/storage/moving/postgres_end.py": "storage/test_copying.py",
        "server/storage/moving/sqlite_end.py": "storage/test_copying.py",
        "server/storage/moving/sums.py": "storage/test_copying.py",
        "server/storage/moving/tables.py": "storage/test_copying.py",
        "server/storage/postgres_fences.py": "storage/test_fence.py",
        "server/storage/postgres_following.py": "storage/test_postgres.py",
        "server/storage/postgres_locks.py": "storage/test_postgres.py",
        "server/storage/postgres_numbering.py": "storage/test_postgres.py",
        "server/storage/postgres_pool.py": "storage/test_postgres.py",
        "server/storage/postgres_schema.py": "storage/test_postgres_schema.py",
        "server/storage/postgres_sharing.py": "storage/test_postgres_sharing.py",
        "server/storage/postgres_transaction.py": "storage/test_postgres.py",
        "server/storage/remembered.py": "storage/test_remembered.py",
        "server/storage/sqlite.py": "storage/test_transactions.py",
        "server/storage/sqlite_connection.py": "storage/test_transactions.py",
        "server/storage/sqlite_file.py": "storage/test_sqlite_file.py",
        "server/storage/sqlite_watching.py": "storage/test_sqlite_watching.py",
        "server/storage/together.py": "storage/test_together.py",
        "server/storage/transaction.py": "storage/test_transactions.py",
        "server/storage/work.py": "storage/test_work.py",
        "server/records/action_token.py": "storage/test_action_tokens.py",
        "server/storage/statements/action_tokens.py": "storage/test_action_tokens.py",
        "server/mail/courier.py": "server/mail/test_smtp.py",
        "server/records/letter.py": "storage/test_outbox.py",
        "server/storage/statements/outbox.py": "storage/test_outbox.py",
        "server/storage/statements/apis.py": "storage/test_clients_and_apis.py",
        "server/storage/statements/authorizations.py": "storage/test_grants_and_codes.py",
        "server/storage/statements/beginnings.py": "storage/test_beginnings.py",
        "server/storage/statements/clients.py": "storage/test_clients_and_apis.py",
        "server/storage/statements/default_lifetime.py": "storage/test_clients_and_apis.py",
        "server/storage/statements/events.py": "storage/test_audit.py",
        "server/storage/statements/families.py": "storage/test_families.py",
        "server/storage/statements/fences.py": "storage/test_fence.py",
        "server/storage/statements/guards.py": "storage/test_guards.py",
        "server/storage/statements/grants.py": "storage/test_grants_and_codes.py",
        "server/storage/statements/issued_tokens.py": "storage/test_issued_tokens.py",
        "server/storage/statements/json_text.py": "storage/test_grants_and_codes.py",
        "server/storage/statements/leases.py": "storage/test_housekeeping.py",
        "server/storage/statements/lists.py": "storage/test_lists.py",
        "server/storage/statements/notices.py": "storage/test_notices.py",
        "server/storage/statements/personal_tokens.py": "storage/test_personal_tokens.py",
        "server/storage/statements/proofs.py": "storage/test_proofs.py",
        "server/storage/statements/sealed.py": "storage/test_housekeeping.py",
        "server/storage/statements/refresh_limits.py": "storage/test_clients_and_apis.py",
        "server/storage/statements/segments.py": "storage/test_audit.py",
        "server/storage/statements/sessions.py": "storage/test_users_and_sessions.py",
        "server/storage/statements/sightings.py": "storage/test_sightings.py",
        "server/storage/statements/signing_keys.py": "storage/test_housekeeping.py",
        "server/storage/statements/users.py": "storage/test_users_and_sessions.py",
        "server/settings/addresses.py": "server/settings/test_reading.py",
        "cli/audit_documents.py": "cli/test_audit.py",
        "server/endpoints/api/routes.py": "server/endpoints/api/test_openapi.py",
        "server/endpoints/api/table.py": "server/endpoints/api/test_openapi.py",
        "server/pages/admin/api_thing.py": "server/pages/admin/test_things.py",
        "server/pages/admin/explaining.py": "server/pages/test_explain.py",
        "server/pages/admin/routes.py": "server/pages/admin/test_visit.py",
        "server/pages/admin/rows.py": "server/pages/admin/test_lists.py",
        "server/endpoints/leaks.py": "server/protocol/test_leak_reports.py",
        "server/pages/token_views.py": "server/pages/test_rendering.py",
        "server/pages/admin/views.py": "server/pages/test_rendering.py",
        "server/documents/apis.py": "cli/test_api.py",
        "server/documents/clients.py": "cli/test_client.py",
        "server/documents/endings.py": "cli/test_endings.py",
        "server/documents/limited_tokens.py": "server/endpoints/api/test_limited_tokens.py",
        "server/documents/families.py": "cli/test_endings.py",
        "server/documents/grants.py": "cli/test_grant.py",
        "server/documents/keys.py": "cli/test_key.py",
        "server/documents/receipts.py": "cli/test_receipts.py",
        "server/documents/sessions.py": "cli/test_grant.py",
        "server/documents/users.py": "cli/test_user.py",
        "server/settings/limits.py": "server/settings/test_reading.py",
        "server/settings/meaning.py": "server/settings/test_reading.py",
        "server/settings/table.py": "server/settings/test_reading.py",
        "cli/diagnosis.py": "cli/test_doctor.py",
        "cli/family.py": "cli/test_endings.py",
        "cli/invocation.py": "cli/test_program.py",
        "cli/key_documents.py": "cli/test_key.py",
        "cli/key_rehearsal.py": "cli/test_key.py",
        "cli/policies.py": "cli/test_client.py",
        "cli/progress.py": "cli/test_database_copy.py",
        "cli/people.py": "cli/test_user.py",
        "cli/session.py": "cli/test_grant.py",
        "cli/token_ending.py": "cli/test_token.py",
        "cli/token_inspection.py": "cli/test_token.py",
        "server/protocol/foreseeing.py": "server/protocol/test_endings.py",
        "oauth/subject_identifier.py": "specs/test_global_token_revocation.py",
        "server/protocol/global_revocation.py": "specs/test_global_token_revocation.py",
        "server/protocol/token_kinds.py": "cli/test_token.py",
        "server/protocol/what_hangs.py": "server/protocol/test_endings.py",
        "cli/personal_making.py": "cli/test_personal.py",
        "server/documents/personal_tokens.py": "cli/test_personal.py",
        "cli/profiles.py": "cli/test_login.py",
        "client/outside.py": "client/test_client_key.py",
        "cli/worker.py": "cli/test_serve.py",
        "cli/workers.py": "cli/test_serve.py",
    }
)


def modules() -> list[str]:
    found = (path for path in SOURCE.rglob("*.py") if not path.name.startswith("__"))
    return sorted(path.relative_to(SOURCE).as_posix() for path in found)


def test_every_module_has_a_test_module():
    """A mirror of the tree, save for what is listed above."""
    missing = [
        module
        for module in modules()
        if not (ROOT / "tests" / own_test(module)).is_file()
        and not (ROOT / "tests" / ELSEWHERE.get(module, "-")).is_file()
    ]
    assert not missing, f"without a test module: {missing}"


def test_the_list_names_only_what_is_there_and_needs_it():
    """An entry that has become superfluous, or wrong, is taken out."""
    assert set(ELSEWHERE) <= set(modules())
    superfluous = [m for m in ELSEWHERE if (ROOT / "tests" / own_test(m)).is_file()]
    assert not superfluous


def own_test(module: str) -> Path:
    path = Path(module)
    return path.with_name(f"test_{path.stem}.py")
