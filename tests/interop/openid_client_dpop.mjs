// openid-client with a DPoP key (RFC 9449). Reads {issuer, client_id, client_secret, redirect_uri,
// scope, api} on the first line; prints where to send the browser; reads where it came back; prints
// the rest.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => (await lines.next()).value;
const say = (value) => console.log(JSON.stringify(value));
const refusal = async (attempt) => {
  try {
    await attempt();
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? String(error);
  }
  return null;
};

const given = JSON.parse(await read());
const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  given.client_secret ? client.ClientSecretBasic(given.client_secret) : client.None(),
  { execute: [client.allowInsecureRequests] },
);

const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
say(
  client.buildAuthorizationUrl(config, {
    redirect_uri: given.redirect_uri,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
    state,
    nonce,
  }).href,
);

const first = await client.authorizationCodeGrant(
  config,
  new URL(await read()),
  { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
  undefined,
  { DPoP },
);
const claims = first.claims();
const userinfo = await client.fetchUserInfo(config, first.access_token, claims.sub, { DPoP });
const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP });
const call = (handle) =>
  client.fetchProtectedResource(
    config, second.access_token, new URL(given.api), "GET", undefined, undefined, { DPoP: handle },
  );
const api = (await call(DPoP)).status;

say({
  claims,
  userinfo,
  token_types: [first.token_type, second.token_type],
  turned: first.refresh_token !== second.refresh_token,
  api,
  as_bearer: await refusal(() => client.fetchUserInfo(config, second.access_token, claims.sub)),
  with_another_key: await refusal(() => call(other)),
  without_the_key: await refusal(() => client.refreshTokenGrant(config, second.refresh_token)),
});
process.exit(0);
