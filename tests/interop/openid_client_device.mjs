// openid-client as a device, which may prove itself by a key. Reads {issuer, client_id, scope} and
// client_secret or pkcs8, kid and algorithm on the first line; prints the link with the code; reads
// a line when the person has answered; prints the rest.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => (await lines.next()).value;
const say = (value) => console.log(JSON.stringify(value));

const ALGORITHMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

const given = JSON.parse(await read());
const authentication = async () => {
  if (given.client_secret) return client.ClientSecretBasic(given.client_secret);
  if (!given.pkcs8) return client.None();
  const der = Buffer.from(given.pkcs8, "base64");
  const algorithm = ALGORITHMS[given.algorithm];
  const key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return client.PrivateKeyJwt({ key, kid: given.kid });
};
const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  await authentication(),
  { execute: [client.allowInsecureRequests] },
);

const begun = await client.initiateDeviceAuthorization(config, { scope: given.scope });
say(begun);
await read();
let tokens;
try {
  tokens = await client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 1 });
} catch (error) {
  say({ refused: error.error });
  process.exit(0);
}
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const second = await client.refreshTokenGrant(config, tokens.refresh_token);
const introspected =
  given.client_secret || given.pkcs8
    ? await client.tokenIntrospection(config, second.access_token)
    : null;
await client.tokenRevocation(config, second.refresh_token);
say({ claims, userinfo, scope: tokens.scope, introspected });
process.exit(0);
