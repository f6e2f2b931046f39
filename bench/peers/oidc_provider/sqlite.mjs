// Storage for node-oidc-provider on SQLite: one process, one connection. What is written in one
// turn of the event loop is committed together, and nobody is answered before.
import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS payloads (
  kind TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, consumed INTEGER,
  grant_id TEXT, uid TEXT, user_code TEXT, expires INTEGER,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS payloads_grant ON payloads (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payloads_uid ON payloads (uid) WHERE uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS payloads_code ON payloads (user_code) WHERE user_code IS NOT NULL;
CREATE INDEX IF NOT EXISTS payloads_expires ON payloads (expires);
`;
const SWEEP_MS = 10_000;
const now = () => Math.floor(Date.now() / 1000);

export class SqliteAdapters {
  constructor(path, synchronous) {
    this.database = new DatabaseSync(path);
    this.database.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -65536;
      PRAGMA busy_timeout = 5000; ${SCHEMA}`);
    const prepared = (sql) => this.database.prepare(sql);
    this.statements = {
      upsert: prepared(`INSERT INTO payloads VALUES (?, ?, ?, NULL, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
        uid = excluded.uid, user_code = excluded.user_code, expires = excluded.expires`),
      find: prepared('SELECT payload, consumed, expires FROM payloads WHERE kind = ? AND id = ?'),
      findByUid: prepared('SELECT payload, consumed, expires FROM payloads WHERE kind = ? AND uid = ?'),
      findByUserCode: prepared(
        'SELECT payload, consumed, expires FROM payloads WHERE kind = ? AND user_code = ?'),
      consume: prepared('UPDATE payloads SET consumed = ? WHERE kind = ? AND id = ?'),
      destroy: prepared('DELETE FROM payloads WHERE kind = ? AND id = ?'),
      revoke: prepared('DELETE FROM payloads WHERE kind = ? AND grant_id = ?'),
      sweep: prepared(`DELETE FROM payloads WHERE (kind, id) IN
        (SELECT kind, id FROM payloads WHERE expires < ? LIMIT 1000)`),
      begin: prepared('BEGIN IMMEDIATE'),
      commit: prepared('COMMIT'),
    };
    this.committing = null;
    setInterval(() => this.write(this.statements.sweep, now()), SWEEP_MS).unref();
  }

  write(statement, ...values) {
    if (!this.committing) {
      this.statements.begin.run();
      this.committing = new Promise((resolve, reject) => {
        setImmediate(() => {
          this.committing = null;
          try {
            this.statements.commit.run();
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      });
    }
    statement.run(...values);
    return this.committing;
  }

  of(kind) {
    const { statements } = this;
    const read = (row) => {
      if (!row || (row.expires !== null && row.expires < now())) return undefined;
      const payload = JSON.parse(row.payload);
      return row.consumed === null ? payload : { ...payload, consumed: row.consumed };
    };
    return {
      upsert: (id, payload, expiresIn) => this.write(
        statements.upsert, kind, id, JSON.stringify(payload), payload.grantId ?? null,
        payload.uid ?? null, payload.userCode ?? null, expiresIn ? now() + expiresIn : null),
      find: async (id) => read(statements.find.get(kind, id)),
      findByUid: async (uid) => read(statements.findByUid.get(kind, uid)),
      findByUserCode: async (code) => read(statements.findByUserCode.get(kind, code)),
      consume: (id) => this.write(statements.consume, now(), kind, id),
      destroy: (id) => this.write(statements.destroy, kind, id),
      revokeByGrantId: (grantId) => this.write(statements.revoke, kind, grantId),
    };
  }
}
