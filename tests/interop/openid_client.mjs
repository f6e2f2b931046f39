// openid-client, as its users use it. Reads {issuer, client_id, client_secret, redirect_uri, scope}
// on the first line; prints where to send the browser; reads where it came back; prints the rest.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => (await lines.next()).value;
const say = (value) => console.log(JSON.stringify(value));

const given = JSON.parse(await read());
const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  given.client_secret ? client.ClientSecretBasic(given.client_secret) : client.None(),
  { execute: [client.allowInsecureRequests] },
);

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
say(
  client.buildAuthorizationUrl(config, {
    redirect_uri: given.redirect_uri,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    max_age: "600",
  }).href,
);

const first = await client.authorizationCodeGrant(config, new URL(await read()), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  maxAge: 600,
  idTokenExpected: true,
});
const claims = first.claims();
const userinfo = await client.fetchUserInfo(config, first.access_token, claims.sub);
const second = await client.refreshTokenGrant(config, first.refresh_token);
const introspect = (token) =>
  given.client_secret ? client.tokenIntrospection(config, token) : Promise.resolve(null);
const before = await introspect(second.access_token);
const logout = client.buildEndSessionUrl(config, {
  id_token_hint: second.id_token ?? first.id_token,
  post_logout_redirect_uri: given.post_logout_redirect_uri,
  state: "bye",
}).href;
await client.tokenRevocation(config, second.refresh_token);
const after = await introspect(second.access_token);
let refused = null;
try {
  await client.refreshTokenGrant(config, second.refresh_token);
} catch (error) {
  refused = error.error;
}

say({
  claims,
  userinfo,
  turned: first.refresh_token !== second.refresh_token,
  before,
  after,
  refused,
  logout,
});
process.exit(0);
