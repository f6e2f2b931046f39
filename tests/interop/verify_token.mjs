// jose verifies an access token with nothing but the issuer's jwks_uri.
// Arguments: issuer, audience, type. The token comes on standard input.
import { createRemoteJWKSet, jwtVerify } from "jose";

const [issuer, audience, typ = "at+jwt"] = process.argv.slice(2);
let token = "";
for await (const chunk of process.stdin) token += chunk;
const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
try {
  const { payload, protectedHeader } = await jwtVerify(
    token.trim(),
    createRemoteJWKSet(new URL(metadata.jwks_uri)),
    { issuer, audience, typ, algorithms: ["ES256"], requiredClaims: ["sub", "jti"] },
  );
  console.log(JSON.stringify({ payload, protectedHeader }));
} catch (error) {
  console.log(JSON.stringify({ refused: error.code }));
}
