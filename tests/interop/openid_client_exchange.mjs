// openid-client exchanges a token (RFC 8693) by its request for grants of any kind.
// Reads {issuer, client_id, client_secret, parameters} on the first line; prints what came.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await lines.next()).value);
const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  client.ClientSecretBasic(given.client_secret),
  { execute: [client.allowInsecureRequests] },
);
const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
try {
  const answer = await client.genericGrantRequest(config, grant, given.parameters);
  console.log(JSON.stringify(answer));
} catch (error) {
  console.log(JSON.stringify({ refused: error.error ?? String(error) }));
}
process.exit(0);
