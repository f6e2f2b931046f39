// Storage for node-oidc-provider on PostgreSQL: prepared statements, pipelined over ten connections.
import postgres from 'postgres';

const SWEEP_MS = 10_000;
const now = () => Math.floor(Date.now() / 1000);

export class PostgresAdapters {
  static async open({ folder, database, user }) {
    const sql = postgres({ host: folder, database, username: user, max: 10, onnotice: () => {} });
    await sql`CREATE TABLE IF NOT EXISTS payloads (
      kind text NOT NULL, id text NOT NULL, payload text NOT NULL, consumed bigint,
      grant_id text, uid text, user_code text, expires bigint, PRIMARY KEY (kind, id))`;
    await sql`CREATE INDEX IF NOT EXISTS payloads_grant ON payloads (grant_id)
      WHERE grant_id IS NOT NULL`;
    await sql`CREATE INDEX IF NOT EXISTS payloads_uid ON payloads (uid) WHERE uid IS NOT NULL`;
    await sql`CREATE INDEX IF NOT EXISTS payloads_code ON payloads (user_code)
      WHERE user_code IS NOT NULL`;
    await sql`CREATE INDEX IF NOT EXISTS payloads_expires ON payloads (expires)`;
    const adapters = new PostgresAdapters();
    adapters.sql = sql;
    setInterval(() => sql`DELETE FROM payloads WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM payloads WHERE expires < ${now()} LIMIT 1000))`.catch(console.error),
    SWEEP_MS).unref();
    return adapters;
  }

  of(kind) {
    const { sql } = this;
    const read = ([row]) => {
      if (!row || (row.expires !== null && Number(row.expires) < now())) return undefined;
      const payload = JSON.parse(row.payload);
      return row.consumed === null ? payload : { ...payload, consumed: Number(row.consumed) };
    };
    return {
      upsert: (id, payload, expiresIn) => sql`
        INSERT INTO payloads VALUES (${kind}, ${id}, ${JSON.stringify(payload)}, NULL,
          ${payload.grantId ?? null}, ${payload.uid ?? null}, ${payload.userCode ?? null},
          ${expiresIn ? now() + expiresIn : null})
        ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload,
          grant_id = excluded.grant_id, uid = excluded.uid, user_code = excluded.user_code,
          expires = excluded.expires`,
      find: (id) => sql`
        SELECT payload, consumed, expires FROM payloads WHERE kind = ${kind} AND id = ${id}`.then(read),
      findByUid: (uid) => sql`
        SELECT payload, consumed, expires FROM payloads WHERE kind = ${kind} AND uid = ${uid}`.then(read),
      findByUserCode: (code) => sql`
        SELECT payload, consumed, expires FROM payloads
        WHERE kind = ${kind} AND user_code = ${code}`.then(read),
      consume: (id) => sql`
        UPDATE payloads SET consumed = ${now()} WHERE kind = ${kind} AND id = ${id}`,
      destroy: (id) => sql`DELETE FROM payloads WHERE kind = ${kind} AND id = ${id}`,
      revokeByGrantId: (grantId) => sql`
        DELETE FROM payloads WHERE kind = ${kind} AND grant_id = ${grantId}`,
    };
  }
}
